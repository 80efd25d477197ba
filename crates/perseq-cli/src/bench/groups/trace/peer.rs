//! What the contestants of the group are to its rows.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::group::{Contestant, Op, Threads};
use crate::bench::hot::UPDATES;
use crate::bench::lanes::{Alone, forever, plain_add};
use crate::sys;

/// How long to wait for what has not been written.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A number of 32 bits.
    U32,
    /// Four of 64 bits.
    U64x4,
    /// A string of 16 bytes.
    String16,
    /// A number of 32 bits, in an event that is off.
    Disabled,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::U32, Self::U64x4, Self::String16, Self::Disabled];

    /// The name of the variant.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U32 => "u32",
            Self::U64x4 => "u64x4",
            Self::String16 => "string16",
            Self::Disabled => "disabled",
        }
    }
}

/// What events carry, of which the compiler knows nothing.
#[derive(Clone, Copy)]
pub struct Payload {
    /// The number.
    pub number: u32,
    /// The four numbers.
    pub numbers: [u64; 4],
    /// The string.
    pub text: &'static str,
}

impl Payload {
    /// The one there is.
    pub fn new() -> Self {
        std::hint::black_box(Self { number: 7, numbers: [7; 4], text: "sixteen letters." })
    }
}

/// A way to record events.
pub trait Peer: Sync {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// Whether it can record such an event at all.
    fn has(&self, _event: Event) -> bool {
        true
    }

    /// A loop that records an event again and again, for the calling thread.
    fn events(&'static self, event: Event) -> Result<Op, String>;

    /// Hands over what has been gathered, or waits until it is written.
    fn flush(&'static self) {}

    /// How many events have been written or counted as lost so far, if that can be told. All are, in the end.
    fn done(&'static self) -> Option<u64> {
        None
    }

    /// What there is to say when all has been measured.
    fn remark(&'static self) -> Option<String> {
        None
    }
}

/// Makes something on a thread that may run on all CPUs, as then may the threads and processes that it starts: those that measure may not.
pub fn unpinned<T: Send>(cpus: &[u32], make: impl FnOnce() -> T + Send) -> T {
    let make = || {
        // Where there is no pinning, nobody is pinned.
        let _ = sys::pin(cpus);
        make()
    };
    thread::scope(|scope| scope.spawn(make).join().expect("nothing here panics"))
}

/// Waits until it is so, for some time, and says whether it is.
pub fn wait_until(mut so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !so() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_micros(50));
    }
    true
}

/// A run of events, behind which nothing of it is left to do.
pub struct Run {
    peer: &'static dyn Peer,
    before: Option<u64>,
}

impl Run {
    /// Before the events.
    pub fn begin(peer: &'static dyn Peer) -> Self {
        Self { peer, before: peer.done() }
    }

    /// After so many events: how many have been written or counted as lost, if that can be told.
    pub fn end(&self, events: u64) -> Option<u64> {
        self.peer.flush();
        let before = self.before?;
        let done = || self.peer.done().unwrap_or(before) - before;
        wait_until(|| done() >= events);
        Some(done())
    }
}

/// What a row counts.
struct Counts {
    /// The events of each seat.
    made: Vec<Alone>,
    /// Those that were done.
    done: AtomicU64,
}

impl Counts {
    fn made(&self) -> u64 {
        self.made.iter().map(|count| count.0.load(Relaxed)).sum()
    }
}

/// Ends a run and counts what was done in it.
struct Counted(Run, &'static Counts, u64, Event);

impl Drop for Counted {
    fn drop(&mut self) {
        let Self(run, counts, before, event) = self;
        let made = counts.made() - *before;
        let done = match event {
            // None of them is to arrive.
            Event::Disabled => made + run.end(0).unwrap_or(0),
            _ => run.end(made).unwrap_or(made),
        };
        counts.done.fetch_add(done, Relaxed);
    }
}

/// One event. `seats` is the number of threads that may take part.
pub fn row(peer: &'static dyn Peer, event: Event, threads: Threads, seats: usize) -> Contestant {
    let made = (0..seats).map(|_| Alone::default()).collect();
    let counts: &Counts = forever(Counts { made, done: AtomicU64::new(0) });
    Contestant::new(peer.name(), event.name(), threads, UPDATES, move |seat| {
        let count = &counts.made[seat.index].0;
        let mut events = peer.events(event)?;
        Ok(Box::new(move |n| {
            events(n);
            plain_add(count, n);
        }))
    })
    .amid(move || Counted(Run::begin(peer), counts, counts.made(), event))
    .counted_by(|| counts.done.load(Relaxed))
    .remark(|| peer.remark())
}
