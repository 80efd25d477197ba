//! Ours: events, and those that come through crate `tracing`. And what was published for a tracer of this kind: an event of LTTng-UST with a
//! header and a payload of 32 bits each.

use super::peer::Peer;
use crate::bench::group::{Contestant, Published, Threads, cubietruck, xeon};

/// The row that the ratios refer to.
pub const REFERENCE: &str = "perseq";

/// With `getcpu` and atomic operations.
const ATOMIC: &[Published] = &[xeon(117.4), cubietruck(2502.0)];

/// With restartable sequences.
const RESTARTABLE: &[Published] = &[xeon(98.0), cubietruck(2250.0)];

/// Adds the figures that were published for such a row, on one thread.
pub fn published(contestant: Contestant) -> Contestant {
    match (contestant.name, contestant.variant, contestant.threads) {
        ("lttng-ust", "u32", Threads::One) => contestant.published(ATOMIC),
        ("perseq", "u32", Threads::One) => contestant.published(RESTARTABLE),
        _ => contestant,
    }
}

/// Both, where there is a tracer.
#[cfg(not(target_os = "linux"))]
pub fn peers(_: &[u32]) -> [&'static dyn Peer; 0] {
    []
}

#[cfg(target_os = "linux")]
pub use tracers::peers;

#[cfg(target_os = "linux")]
mod tracers {
    use tracing::dispatcher::{Dispatch, with_default};
    use tracing::info;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::peer::{Event, Payload};
    use super::super::session::Shared;
    use super::Peer;
    use crate::bench::group::Op;
    use crate::bench::hot::{Same, updates};
    use crate::bench::lanes::forever;

    /// Both, in one session.
    pub fn peers(cpus: &[u32]) -> [&'static dyn Peer; 2] {
        let shared = forever(Shared::new(cpus));
        let dispatch = Dispatch::new(Registry::default().with(perseq_trace::layer()));
        [forever(Perseq(shared)), forever(Layer(shared, dispatch))]
    }

    /// `perseq_trace::event!`.
    struct Perseq(&'static Shared);

    impl Peer for Perseq {
        fn name(&self) -> &'static str {
            "perseq"
        }

        fn events(&'static self, event: Event) -> Result<Op, String> {
            self.0.start()?;
            let Payload { number, numbers: [a, b, c, d], text } = Payload::new();
            Ok(match event {
                Event::U32 => updates!(Same, |_i| perseq_trace::event!(perseq_bench::u32, number: u32)),
                Event::U64x4 => {
                    updates!(
                        Same,
                        |_i| perseq_trace::event!(perseq_bench::u64x4, a: u64, b: u64, c: u64, d: u64)
                    )
                }
                Event::String16 => {
                    updates!(Same, |_i| perseq_trace::event!(perseq_bench::string16, text: &str))
                }
                Event::Disabled => {
                    updates!(Same, |_i| perseq_trace::event!(perseq_bench_off::disabled, number: u32))
                }
            })
        }

        fn flush(&'static self) {
            self.0.renew();
        }

        fn done(&'static self) -> Option<u64> {
            self.0.done()
        }

        fn remark(&'static self) -> Option<String> {
            self.0.end()
        }
    }

    /// `perseq_trace::layer`, which is installed as those of others are.
    struct Layer(&'static Shared, Dispatch);

    impl Peer for Layer {
        fn name(&self) -> &'static str {
            "perseq_layer"
        }

        fn events(&'static self, event: Event) -> Result<Op, String> {
            self.0.start()?;
            let Payload { number, numbers: [a, b, c, d], text } = Payload::new();
            let mut op = match event {
                Event::U32 => updates!(Same, |_i| info!(target: "perseq_bench", number)),
                Event::U64x4 => updates!(Same, |_i| info!(target: "perseq_bench", a, b, c, d)),
                Event::String16 => updates!(Same, |_i| info!(target: "perseq_bench", text)),
                Event::Disabled => updates!(Same, |_i| info!(target: "perseq_bench_off", number)),
            };
            Ok(Box::new(move |n| with_default(&self.1, || op(n))))
        }

        fn flush(&'static self) {
            self.0.renew();
        }

        fn done(&'static self) -> Option<u64> {
            self.0.done()
        }

        fn remark(&'static self) -> Option<String> {
            self.0.end()
        }
    }
}
