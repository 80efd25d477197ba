//! What is known of each callsite, found by the address of its metadata.

use std::ptr;

use tracing_core::Metadata;

use super::chains::Chains;
use super::names;
use super::shapes::{Family, Shapes};
use crate::Level;

static TABLE: Chains<Callsite, 4096> = Chains::new();

/// A callsite.
pub(super) struct Callsite {
    metadata: &'static Metadata<'static>,
    sites: Sites,
}

/// What records something of a callsite.
pub(super) enum Sites {
    Event(Shapes),
    Span(Box<Spans>),
    /// Records of crate `log`, which are of no callsite.
    Log(Level),
}

/// What records something of spans.
pub(super) struct Spans {
    pub(super) new: Shapes,
    pub(super) record: Shapes,
    pub(super) follows: Shapes,
    pub(super) entry: Shapes,
    pub(super) exit: Shapes,
    pub(super) close: Shapes,
}

impl Callsite {
    /// What records something of that which has the metadata.
    #[inline]
    pub(super) fn sites(metadata: &'static Metadata<'static>) -> &'static Sites {
        let hash = (ptr::from_ref(metadata).addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let is_meant = |callsite: &Self| ptr::addr_eq(callsite.metadata, metadata);
        &TABLE.get(hash, is_meant, || Self { metadata, sites: Sites::new(metadata) }).sites
    }
}

impl Sites {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        let level = Level::OF_RUST[match *metadata.level() {
            tracing_core::Level::ERROR => 0,
            tracing_core::Level::WARN => 1,
            tracing_core::Level::INFO => 2,
            tracing_core::Level::DEBUG => 3,
            _ => 4,
        }];
        if super::logs::is_of_log(metadata) {
            return Self::Log(level);
        }
        let provider = names::provider(metadata.target());
        let fields = names::fields(metadata.fields().iter().map(|field| field.name()));
        let source = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        let shapes = |name, ids| Shapes::new(Family { provider, name, level, ids, fields, source });
        if metadata.is_event() {
            return Self::Event(shapes(names::event(metadata), &[]));
        }
        let of_span = |suffix, ids| shapes(names::of_span(metadata.name(), suffix), ids);
        Self::Span(Box::new(Spans {
            new: of_span("_new", &["span_id", "parent_id"]),
            record: of_span("_record", &["span_id"]),
            follows: of_span("_follows", &["span_id", "cause_id"]),
            entry: of_span("_entry", &["span_id"]),
            exit: of_span("_exit", &["span_id"]),
            close: of_span("_close", &["span_id"]),
        }))
    }
}
