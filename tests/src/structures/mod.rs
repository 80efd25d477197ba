//! Small structures out of sequences, one kind of sequence each, for the tests to attack.
//!
//! The methods that run a sequence are never inlined: so each sequence has one section, and the section of its further
//! attempts, however often a test uses it.

mod array;
mod list;
mod lock;
mod metric;
pub mod ops;
mod ops_list;
mod pair;
mod pool;
mod queue;
mod rcu;
mod ring;
mod shared;
mod stack;
mod tally;
#[cfg(not(miri))]
pub mod trace;
mod twins;

pub use array::Array;
pub use list::{List, Node};
pub use lock::{Guard, Locks};
pub use metric::{Gauge, Histogram};
pub use ops_list::OpsList;
pub use pair::Pairs;
pub use pool::Pool;
pub use queue::Queue;
pub use rcu::{Garbage, Reader, Short};
pub use ring::Ring;
pub use shared::Shared;
pub use stack::Stack;
pub use tally::{CidTally, SlowTally, Stamp, Tally};
pub use twins::Twins;
