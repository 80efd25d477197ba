//! Crate `fastrace`: events of spans, which another thread collects when their span has ended.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use fastrace::Span;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::local::LocalSpan;

use super::peer::{Event, Payload, Peer, unpinned};
use super::tape::Tape;
use crate::bench::group::Op;
use crate::bench::hot::{Same, updates};
use crate::bench::lanes::forever;

/// The events of a span, a multiple of the events in one trip of a loop: a span has room for ten times as many.
const EVENTS: u64 = 1000;

/// How many events have been written.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Writes events as lines.
struct Lines(Tape);

impl Reporter for Lines {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        for event in spans.into_iter().flat_map(|span| span.events) {
            if writeln!(self.0, "{} {} {:?}", event.timestamp_unix_ns, event.name, event.properties).is_ok() {
                WRITTEN.fetch_add(1, Release);
            }
        }
    }
}

/// The crate, which has one collector in a process.
pub struct Fastrace {
    cpus: Box<[u32]>,
}

impl Fastrace {
    pub fn new(cpus: &[u32]) -> &'static Self {
        forever(Self { cpus: cpus.into() })
    }

    /// Sets the collector up, once.
    fn collect(&self) -> Result<(), String> {
        static COLLECTS: OnceLock<Result<(), String>> = OnceLock::new();
        let collect = || {
            let (tape, _) = Tape::new().map_err(|error| error.to_string())?;
            fastrace::set_reporter(Lines(tape), Config::default());
            Ok(())
        };
        COLLECTS.get_or_init(|| unpinned(&self.cpus, collect)).clone()
    }
}

impl Peer for Fastrace {
    fn name(&self) -> &'static str {
        "fastrace"
    }

    fn events(&'static self, event: Event) -> Result<Op, String> {
        self.collect()?;
        let Payload { number, numbers, text } = Payload::new();
        let event_of = fastrace::Event::new;
        let one = move |name| event_of(name).with_property(|| ("number", number.to_string()));
        let mut op = match event {
            Event::U32 => updates!(Same, |_i| LocalSpan::add_event(one("u32"))),
            Event::U64x4 => {
                updates!(Same, |_i| LocalSpan::add_event(event_of("u64x4").with_properties(|| {
                    let [a, b, c, d] = numbers.map(|number| number.to_string());
                    [("a", a), ("b", b), ("c", c), ("d", d)]
                })))
            }
            Event::String16 => {
                updates!(Same, |_i| LocalSpan::add_event(
                    event_of("string16").with_property(|| ("text", text))
                ))
            }
            Event::Disabled => updates!(Same, |_i| LocalSpan::add_event(one("disabled"))),
        };
        Ok(Box::new(move |mut n| {
            while n > 0 {
                let context = SpanContext::random().sampled(event != Event::Disabled);
                let span = Span::root("events", context);
                let _here = span.set_local_parent();
                let events = n.min(EVENTS);
                op(events);
                n -= events;
            }
        }))
    }

    fn flush(&'static self) {
        fastrace::flush();
    }

    fn done(&'static self) -> Option<u64> {
        Some(WRITTEN.load(Acquire))
    }
}
