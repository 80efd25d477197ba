//! Ours, and what was published for contestants of their kind: an event of LTTng-UST with a header and a payload of 32 bits each.

use crate::bench::group::{Contestant, Published, Threads, cubietruck, xeon};

/// The row that the ratios refer to.
pub const REFERENCE: &str = "lttng-ust";

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
