//! Ready-made per-CPU collections, each a few sequences over a [`PerCpu`](crate::PerCpu).

pub mod counter;
mod item;
pub mod list;
pub mod pool;
pub mod queue;
pub mod ring;
pub mod stack;
