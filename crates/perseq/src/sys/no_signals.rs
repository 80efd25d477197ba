//! No signals to hold back.

/// Nothing, for as long as it lives.
pub(crate) struct SignalsHeld;

impl SignalsHeld {
    pub(crate) fn new() -> Self {
        Self
    }
}
