//! How a writer waits for readers, who do not tell it when they leave: it looks again, ever more rarely.

use std::thread;
use std::time::{Duration, Instant};

/// How often a writer looks before it lets others run: most readers are gone in less than a microsecond.
const SPINS: u32 = 64;
/// How often it lets others run before it sleeps.
const YIELDS: u32 = 16;
const FIRST_SLEEP: Duration = Duration::from_micros(20);
const LAST_SLEEP: Duration = Duration::from_millis(1);

/// One wait.
#[derive(Debug)]
pub(crate) struct Patience {
    turns: u32,
    sleep: Duration,
    since: Option<Instant>,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { turns: 0, sleep: FIRST_SLEEP, since: None }
    }

    /// Waits a little, longer each time.
    pub(crate) fn wait(&mut self) {
        self.turns = self.turns.saturating_add(1);
        if self.turns <= SPINS {
            std::hint::spin_loop();
            return;
        }
        // The clock is not looked at before: that takes longer than a turn.
        self.since.get_or_insert_with(Instant::now);
        if self.turns <= SPINS + YIELDS {
            thread::yield_now();
        } else {
            thread::sleep(self.sleep);
            self.sleep = LAST_SLEEP.min(self.sleep * 2);
        }
    }

    /// How long this has gone on, not counting the first microseconds.
    pub(crate) fn elapsed(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
