//! Subscribers of crate `tracing`: lines of text into a file, the same by way of another thread, and traces for Chrome.
//!
//! A thread installs its subscriber for the time of a batch, so several can be measured in one process. Events then find it by a variable
//! of the thread instead of one of the process.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::dispatcher::{Dispatch, with_default};
use tracing::level_filters::LevelFilter;
use tracing::{info, trace};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, WorkerGuard};
use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::fmt;
use tracing_subscriber::layer::SubscriberExt as _;

use super::peer::{Event, Payload, Peer, unpinned, wait_until};
use super::tape::{Tape, Uses};
use crate::bench::group::Op;
use crate::bench::hot::{Same, updates};
use crate::bench::lanes::forever;

/// A subscriber that was set up.
struct Installed {
    dispatch: Dispatch,
    uses: &'static Uses,
    behind: Behind,
}

/// Who writes.
enum Behind {
    /// The thread that has the event.
    Nobody,
    /// A thread that takes lines from a bounded queue, until this is dropped.
    Worker(ErrorCounter, #[expect(dead_code, reason = "it is kept")] WorkerGuard),
    /// A thread that takes events from a queue without bounds.
    Chrome(Mutex<FlushGuard>),
}

/// A subscriber that is set up when it is first used.
pub struct Subscriber {
    name: &'static str,
    cpus: Box<[u32]>,
    make: fn() -> io::Result<Installed>,
    installed: OnceLock<Result<Installed, String>>,
}

/// `fmt` into a buffered file behind a mutex.
fn text() -> io::Result<Installed> {
    let (tape, uses) = Tape::new()?;
    let subscriber =
        fmt().with_ansi(false).with_max_level(LevelFilter::INFO).with_writer(Mutex::new(tape)).finish();
    Ok(Installed { dispatch: Dispatch::new(subscriber), uses, behind: Behind::Nobody })
}

/// `fmt` into the queue of crate `tracing-appender`, as long as it is by default.
fn non_blocking() -> io::Result<Installed> {
    let (tape, uses) = Tape::new()?;
    let (writer, guard) = NonBlocking::new(tape);
    let behind = Behind::Worker(writer.error_counter(), guard);
    let subscriber = fmt().with_ansi(false).with_max_level(LevelFilter::INFO).with_writer(writer).finish();
    Ok(Installed { dispatch: Dispatch::new(subscriber), uses, behind })
}

/// Crate `tracing-chrome`, with the fields of events.
fn chrome() -> io::Result<Installed> {
    let (tape, uses) = Tape::new()?;
    let (layer, guard) = ChromeLayerBuilder::new().writer(tape).include_args(true).build();
    let subscriber = Registry::default().with(LevelFilter::INFO).with(layer);
    Ok(Installed { dispatch: Dispatch::new(subscriber), uses, behind: Behind::Chrome(Mutex::new(guard)) })
}

/// All of them.
pub fn all(cpus: &[u32]) -> [&'static Subscriber; 3] {
    // Its layer finds its queue by a variable of the thread, so there can be but one in a process.
    static CHROME: OnceLock<Subscriber> = OnceLock::new();
    let subscriber = |name, make| Subscriber { name, cpus: cpus.into(), make, installed: OnceLock::new() };
    [
        forever(subscriber("tracing_fmt", text)),
        forever(subscriber("tracing_non_blocking", non_blocking)),
        CHROME.get_or_init(|| subscriber("tracing-chrome", chrome)),
    ]
}

impl Subscriber {
    fn installed(&self) -> Result<&Installed, String> {
        let make = || unpinned(&self.cpus, || (self.make)().map_err(|error| error.to_string()));
        self.installed.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

impl Peer for Subscriber {
    fn name(&self) -> &'static str {
        self.name
    }

    fn events(&'static self, event: Event) -> Result<Op, String> {
        let dispatch = &self.installed()?.dispatch;
        let Payload { number, numbers: [a, b, c, d], text } = Payload::new();
        let mut op = match event {
            Event::U32 => updates!(Same, |_i| info!(number)),
            Event::U64x4 => updates!(Same, |_i| info!(a, b, c, d)),
            Event::String16 => updates!(Same, |_i| info!(text)),
            Event::Disabled => updates!(Same, |_i| trace!(number)),
        };
        Ok(Box::new(move |n| with_default(dispatch, || op(n))))
    }

    fn flush(&'static self) {
        if let Some(Ok(Installed { uses, behind: Behind::Chrome(guard), .. })) = self.installed.get() {
            let before = uses.flushes();
            guard.lock().unwrap_or_else(PoisonError::into_inner).flush();
            wait_until(|| uses.flushes() > before);
        }
    }

    fn done(&'static self) -> Option<u64> {
        let installed = self.installed.get()?.as_ref().ok()?;
        match &installed.behind {
            Behind::Nobody => Some(installed.uses.writes()),
            Behind::Worker(lost, _) => Some(installed.uses.writes() + lost.dropped_lines() as u64),
            // It writes events in pieces.
            Behind::Chrome(_) => None,
        }
    }

    fn remark(&'static self) -> Option<String> {
        match &self.installed.get()?.as_ref().ok()?.behind {
            Behind::Worker(lost, _) if lost.dropped_lines() > 0 => {
                Some(format!("`{}` has discarded {} lines.", self.name, lost.dropped_lines()))
            }
            _ => None,
        }
    }
}
