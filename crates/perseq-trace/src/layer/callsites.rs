//! What is known of each callsite, found by the address of its metadata.
//!
//! A table of chains. A callsite is added at the end of one, under a lock, and never taken out.
//!
//! Invariant: what is in a chain is whole and stays for ever; no callsite is there twice.
//!
//! Ordering: a callsite is linked by a release, so who finds it by acquiring the link finds all that is in it.

use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use perseq::fork::held_off;
use tracing_core::Metadata;

use super::names;
use super::shapes::{Family, Shapes};
use crate::Level;

/// A power of two.
const CHAINS: usize = 1 << 12;

static TABLE: [AtomicPtr<Callsite>; CHAINS] = [const { AtomicPtr::new(null_mut()) }; CHAINS];

/// Adds something to what is known, while nobody else does. A fork waits for it, so that its child can add something too.
pub(super) fn adding<R>(add: impl FnOnce() -> R) -> R {
    static ADDING: Mutex<()> = Mutex::new(());
    held_off(|| {
        let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
        add()
    })
}

/// A callsite.
pub(super) struct Callsite {
    metadata: &'static Metadata<'static>,
    sites: Sites,
    next: AtomicPtr<Callsite>,
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
    pub(super) entry: Shapes,
    pub(super) exit: Shapes,
    pub(super) close: Shapes,
}

impl Callsite {
    /// That of the metadata.
    #[inline]
    pub(super) fn of(metadata: &'static Metadata<'static>) -> &'static Self {
        let address = ptr::from_ref(metadata).addr() as u64;
        let chain = &TABLE[(address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52) as usize % CHAINS];
        match Self::find(chain, metadata) {
            Ok(known) => known,
            Err(_) => Self::add(chain, metadata),
        }
    }

    /// What records something of it.
    #[inline]
    pub(super) fn sites(&'static self) -> &'static Sites {
        &self.sites
    }

    /// In a chain, or its end.
    #[inline]
    fn find<'a>(
        mut link: &'a AtomicPtr<Self>,
        metadata: &Metadata<'_>,
    ) -> Result<&'static Self, &'a AtomicPtr<Self>> {
        // SAFETY: what is linked stays.
        while let Some(callsite) = unsafe { link.load(Ordering::Acquire).as_ref::<'static>() } {
            if ptr::addr_eq(callsite.metadata, metadata) {
                return Ok(callsite);
            }
            link = &callsite.next;
        }
        Err(link)
    }

    #[cold]
    #[inline(never)]
    fn add(chain: &AtomicPtr<Self>, metadata: &'static Metadata<'static>) -> &'static Self {
        adding(|| {
            let end = match Self::find(chain, metadata) {
                Ok(known) => return known,
                Err(end) => end,
            };
            let sites = Sites::new(metadata);
            let new = Box::leak(Box::new(Self { metadata, sites, next: AtomicPtr::new(null_mut()) }));
            end.store(new, Ordering::Release);
            new
        })
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
            entry: of_span("_entry", &["span_id"]),
            exit: of_span("_exit", &["span_id"]),
            close: of_span("_close", &["span_id"]),
        }))
    }
}
