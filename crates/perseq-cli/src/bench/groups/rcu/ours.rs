//! Ours.

use crate::bench::group::{Published, cubietruck, xeon};

/// The row that the ratios refer to.
pub const REFERENCE: &str = "crossbeam-epoch";

/// What was published for a read pair with restartable sequences.
pub const PUBLISHED: &[Published] = &[xeon(28.6), cubietruck(128.5)];
