//! Ops vectors among sequences on the same slots.

use std::sync::atomic::{AtomicU32, Ordering};

use super::Subject;
use crate::structures::Twins;

/// Changed by sequences mostly, and by vectors from everywhere.
#[derive(Default)]
pub struct Vectors {
    twins: Twins,
    turn: AtomicU32,
}

/// Among so many changes of a thread one is by a vector, on the slot it is in.
const RARELY: u32 = 16;

impl Subject for Vectors {
    fn name(&self) -> &'static str {
        "ops vectors"
    }
    fn change(&self) -> u64 {
        if self.turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(RARELY) {
            return self.change_on(self.twins.here());
        }
        // Whatever is not added is missed at the end.
        self.twins.add(1);
        1
    }
    fn change_on(&self, cpu: u32) -> u64 {
        self.twins.add_to(cpu, 7);
        7
    }
    fn sum(&self) -> u64 {
        self.twins.sum()
    }
}
