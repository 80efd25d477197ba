//! What a program records that uses `tracing` or `log`: a layer of `tracing-subscriber`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`callsites`] | what is known of each callsite, found by the address of its metadata |
//! | [`shapes`] | the sites of a callsite: one for each combination of fields and their types that it has shown |
//! | [`values`] | the fields of a record as bytes |
//! | [`names`] | names that a trace can have |
//! | [`logs`] | records of crate `log`, each of which says itself what its target is |
//!
//! Invariant: what a callsite is known by stays for ever, and is found without a lock. A lock is held only where something is added, and nothing
//! of the program's runs meanwhile: so a `Debug` may record, panic, or both.

mod callsites;
mod chains;
mod logs;
mod names;
mod shapes;
mod values;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::emit;
use callsites::{Callsite, Sites, Spans};
use shapes::Shapes;

/// Records the spans and events of crate `tracing`: see [`layer`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Layer;

/// A layer of `tracing-subscriber` that records spans and events of crate `tracing`, and what a program logs with crate `log`.
///
/// ```
/// use perseq_trace::Session;
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry().with(perseq_trace::layer()).init();
///
/// # let folder = std::env::temp_dir().join(format!("perseq-trace-layer-{}", std::process::id()));
/// let session = Session::builder(&folder).enable("net:*").start()?;
/// {
///     let _span = tracing::info_span!(target: "net", "request", number = 7).entered();
///     tracing::info!(target: "net", bytes = 1500_u32, "received");
/// }
/// // request_new, request_entry, event, request_exit, request_close
/// assert_eq!(session.stop()?.events, 5);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is recorded
/// | of | as | with |
/// |---|---|---|
/// | an event | `TARGET:NAME`; `TARGET:event` if it was given no name | its fields, of which `message` is one |
/// | a span that is made | `TARGET:NAME_new` | `span_id`, `parent_id` (0 if there is none), and its fields |
/// | fields that are recorded later | `TARGET:NAME_record` | `span_id`, and these fields |
/// | a span that follows from another, which caused it | `TARGET:NAME_follows` | `span_id`, `cause_id` |
/// | a span that is entered, or left | `TARGET:NAME_entry`, `TARGET:NAME_exit` | `span_id` |
/// | a span that is closed | `TARGET:NAME_close` | `span_id` |
///
/// The target is that of the event or the span: the path of its module, unless another was given. So `app::net:*` enables a module, and
/// `app::*` all modules of a crate. An export for Perfetto shows a slice from each entry to its exit, of each thread if the session has [`Context::Tid`](crate::Context::Tid). The levels error, warn, info, debug and trace are
/// [`Level::OF_RUST`](crate::Level::OF_RUST).
///
/// Integers are of 64 bits, as `tracing` hands them over; `f64`, `bool`, text and bytes are what they are; all else is text: what its `Debug` or `Display`
/// says. An event has 4 KiB of fields at most, and text is cut off to that. A callsite has as many types of events as it has shown combinations of
/// fields and their types, eight at most: what comes after these is one text. Where a trace cannot have the name of a field, other characters than ASCII
/// letters and digits become underscores.
///
/// # What it costs
/// What a callsite is is looked up by the address of its metadata, and its fields are written to the stack, text too: nothing is allocated but at
/// the first record of a kind. Then it is an [`event!`](crate::event).
///
/// What is recorded may be changed at any time from elsewhere, and to disable a callsite in `tracing` is to disable it for all layers: so this
/// layer enables all of them, and looks whether one is on when there is something to record. Off, that is a load and a branch after what `tracing` needs
/// to hand it over, and the registry keeps spans all the same. Who wants even less takes a filter of `tracing-subscriber`, which can be for this layer
/// alone: `layer().with_filter(LevelFilter::INFO)`.
///
/// # Crate `log`
/// `LogTracer` of crate `tracing-log` hands over what a program logs. It is recorded as `TARGET:event`, by its own target and level, with
/// its `message`, `file` and `line`. (`init` of `tracing-subscriber` installs it too, where its feature `tracing-log` is on.)
///
/// ```
/// use perseq_trace::Session;
/// use tracing_subscriber::prelude::*;
///
/// tracing_log::LogTracer::init()?;
/// tracing::subscriber::set_global_default(tracing_subscriber::registry().with(perseq_trace::layer()))?;
///
/// # let folder = std::env::temp_dir().join(format!("perseq-trace-log-{}", std::process::id()));
/// let session = Session::builder(&folder).enable("files:*").start()?;
/// log::info!(target: "files", "opened {}", "/etc/hosts");
/// assert_eq!(session.stop()?.events, 1);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Where it may be used
/// In ordinary code, as `tracing` itself; not in signal handlers. The child of a fork records as its parent does. A value whose `Debug` records something has that recorded first, and one whose `Debug`
/// panics is not recorded, and the panic goes on.
#[must_use]
pub fn layer() -> Layer {
    Layer
}

impl Layer {
    /// Records something of a span of which numbers are enough.
    fn of_span<S>(id: &Id, numbers: &[u64], context: &Context<'_, S>, what: fn(&Spans) -> &Shapes)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        // Without rings nothing is on, and it need not be looked for.
        if emit::rings().is_none() {
            return;
        }
        let Some(metadata) = context.metadata(id) else { return };
        if let Sites::Span(spans) = Callsite::sites(metadata) {
            what(spans).record(numbers, |_| ());
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        match Callsite::sites(event.metadata()) {
            Sites::Event(shapes) => shapes.record(&[], |visitor| event.record(visitor)),
            Sites::Log(level) => logs::record(*level, event),
            Sites::Span(_) => {}
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Sites::Span(spans) = Callsite::sites(attributes.metadata()) else { return };
        if spans.new.wanted() {
            let parent = context.span(id).and_then(|span| span.parent());
            let parent = parent.map_or(0, |parent| parent.id().into_u64());
            spans.new.record(&[id.into_u64(), parent], |visitor| attributes.record(visitor));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(id) else { return };
        if let Sites::Span(spans) = Callsite::sites(metadata) {
            spans.record.record(&[id.into_u64()], |visitor| values.record(visitor));
        }
    }

    fn on_follows_from(&self, id: &Id, cause: &Id, context: Context<'_, S>) {
        Self::of_span(id, &[id.into_u64(), cause.into_u64()], &context, |spans| &spans.follows);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        Self::of_span(id, &[id.into_u64()], &context, |spans| &spans.entry);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        Self::of_span(id, &[id.into_u64()], &context, |spans| &spans.exit);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        Self::of_span(&id, &[id.into_u64()], &context, |spans| &spans.close);
    }
}
