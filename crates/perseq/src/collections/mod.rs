//! Ready-made per-CPU collections, each a few sequences over a [`PerCpu`](crate::PerCpu).

pub mod counter;
pub mod list;
pub mod lock;
pub mod mutex;
