//! Ready-made per-CPU collections, each a few sequences over a [`PerCpu`](crate::PerCpu).

pub mod counter;
#[cfg(feature = "std")]
pub mod family;
pub mod gauge;
pub mod histogram;
mod item;
pub mod list;
pub mod lock;
pub mod mutex;
pub mod pool;
pub mod queue;
pub mod ring;
pub mod stack;
