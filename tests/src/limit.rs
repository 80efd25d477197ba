//! Time limits: what a test waits for may never come if the library is wrong.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::skip::say;

/// Ends the process, with a message, unless dropped in time. Threads that wait for each other cannot be ended in a
/// gentler way.
#[derive(Debug)]
pub struct Limit {
    _done: Sender<()>,
}

impl Limit {
    /// Allows `time` for `what`.
    #[must_use]
    pub fn start(time: Duration, what: &'static str) -> Self {
        let (done, wait) = channel::<()>();
        std::thread::spawn(move || {
            if wait.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                say(format_args!("{what}: not done within {} s", time.as_secs()));
                std::process::abort();
            }
        });
        Self { _done: done }
    }
}

/// Looks every millisecond whether `condition` holds, for at most `time`; says whether it came to hold.
#[must_use]
pub fn eventually(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let until = std::time::Instant::now() + time;
    while std::time::Instant::now() < until {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    condition()
}
