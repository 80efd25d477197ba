//! Small structures out of sequences, one kind of sequence each, for the tests to attack.
//!
//! The methods that run a sequence are never inlined: so each sequence has one section, and the section of its further
//! attempts, however often a test uses it.

mod list;
mod lock;
mod pair;
mod ring;
mod stack;
mod tally;

pub use list::{List, Node};
pub use lock::{Guard, Locks};
pub use pair::Pairs;
pub use ring::Ring;
pub use stack::Stack;
pub use tally::{CidTally, SlowTally, Stamp, Tally};
