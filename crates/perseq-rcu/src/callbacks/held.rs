//! Callbacks are held back while a thread is inside code that does not expect others' code to be run, and may have something half done.

use std::cell::Cell;

thread_local! {
    /// The calling thread may run no callbacks now.
    static HELD: Cell<bool> = const { Cell::new(false) };
    /// But has put some into a queue for which it would have.
    static DUE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread must leave callbacks for later. It is reminded of them then.
pub(super) fn put_off() -> bool {
    let held = HELD.get();
    if held {
        DUE.set(true);
    }
    held
}

#[cfg(feature = "papaya")]
mod hold {
    use super::{DUE, HELD};
    use crate::domain::Domain;

    /// See [`Domain::hold_callbacks`].
    #[derive(Debug)]
    pub(crate) struct Held {
        domain: &'static Domain,
        /// They were held back before.
        inside: bool,
    }

    impl Drop for Held {
        #[inline]
        fn drop(&mut self) {
            if !self.inside {
                HELD.set(false);
                if DUE.replace(false) && !std::thread::panicking() {
                    self.domain.help_in_turn(0);
                }
            }
        }
    }

    impl Domain {
        /// From now on the calling thread runs no callbacks when it defers others. It does so, if it is time, when what is returned
        /// is dropped; those of other domains wait until it defers to them again.
        #[inline]
        pub(crate) fn hold_callbacks(&'static self) -> Held {
            Held { domain: self, inside: HELD.replace(true) }
        }
    }
}
