//! Ready-made per-CPU collections, each a few sequences over a [`PerCpu`](crate::PerCpu).

pub mod counter;
#[cfg(feature = "std")]
pub mod family;
pub mod gauge;
pub mod histogram;
pub mod list;
