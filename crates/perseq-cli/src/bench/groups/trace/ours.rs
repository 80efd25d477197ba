//! Ours, and what was published for contestants of their kind.

use crate::bench::group::{Contestant, Published, Threads, cubietruck, xeon};

/// The row that the ratios refer to.
pub const REFERENCE: &str = "lttng-ust";

/// What was published for an event of LTTng-UST with a 32-bit header and payload: which CPU by `getcpu`, and atomic operations.
const ATOMIC: &[Published] = &[xeon(117.4), cubietruck(2502.0)];

/// Adds the figures that were published for such a row, on one thread.
///
/// The same event with restartable sequences: 98.0 ns and 2250 ns, for a row that has them.
pub fn published(contestant: Contestant) -> Contestant {
    match (contestant.name, contestant.variant, contestant.threads) {
        ("lttng-ust", "u32", Threads::One) => contestant.published(ATOMIC),
        _ => contestant,
    }
}
