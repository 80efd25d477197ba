//! Per-CPU programming on Linux restartable sequences (rseq).
//!
//! A *restartable sequence* is a few instructions that work on data of the CPU they run on. The kernel restarts them if
//! the thread was preempted, migrated or interrupted by a signal in between, so they need no atomic instruction
//! and no lock: an increment of a shared counter costs what an increment costs.
//!
//! ```
//! use perseq::{Counter, PerCpu, sequence};
//!
//! static REQUESTS: Counter = Counter::new();
//!
//! struct Highest {
//!     value: u64,
//! }
//!
//! sequence! {
//!     /// Raises the running CPU's highest value to `candidate`; says whether that changed it.
//!     fn raise(highest: &PerCpu<Highest>, candidate: u64) -> bool {
//!         let value: u64 = highest.value;
//!         if value >= candidate { return false; }
//!         commit highest.value = candidate;
//!         true
//!     }
//! }
//!
//! REQUESTS.add(1);
//! let highest = PerCpu::new(|_cpu| Highest { value: 0 });
//! assert!(raise(&highest, 7));
//! assert_eq!(REQUESTS.sum(), 1);
//! ```
//!
//! Four ideas carry everything:
//!
//! - [`sequence!`] compiles one source to a restartable section for the architecture, and to ordinary Rust.
//! - Every slot of a [`PerCpu`] has a gate, which a sequence checks inside its section. Threads that are not registered
//!   with the kernel meet a gate that is closed for ever.
//! - [`PerCpu::exclusive`] closes a gate, fences the CPU and hands out a real `&mut T`, from any thread and for
//!   any CPU. It is the slow path of every sequence, so nothing ever waits for a retry to succeed.
//! - Where restartable sequences do not exist, every sequence takes that slow path, and [`status()`] says why.
//!   `PERSEQ=off` in the environment asks for the same.
//!
//! New to restartable sequences? Begin with the [guide].
//!
//! # Signal safety and threads
//! Sequences, [`Counter`], [`Gauge`], [`Histogram::record`] and [`PerCpu::exclusive`] may be used in signal handlers, before `main`, in destructors of
//! thread-local values, and after `fork`. The exception are handlers of faults (SIGSEGV, SIGBUS, SIGTRAP and their like), which nobody
//! holds back: one that interrupts the owner of a slot must not use that slot. Creating a [`PerCpu`] may not be done in a signal handler. A thread must have
//! thread-local storage of its own: one made by a raw `clone` that shares its parent's thread pointer, or the child of a
//! `vfork`, may not use this crate (nor most of libc).
//!
//! # Features
//! None is on by itself: the crate then needs `core` and `alloc`, and nothing but the kernel.
//!
//! - `std`: [`collections::family`](crate::collections), metrics by their labels.
//! - `metrics`: module `metrics`, a recorder for the crate of that name.
//! - `prometheus-client`: module `prometheus`, counters, gauges and histograms in place of that crate's.
//! - `model`: module `model`, which explores every schedule of a few threads; for tests.
//! - `hdrhistogram`: snapshots of a [`Histogram`] as those of that crate.
#![no_std]

extern crate alloc;
extern crate self as perseq;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod arch;
pub mod collections;
pub mod cpu;
pub mod fence;
#[cfg(any(feature = "metrics", feature = "prometheus-client"))]
mod float;
#[doc(hidden)]
pub mod fork;
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "model")]
pub mod model;
#[cfg(not(feature = "model"))]
mod model {
    #[path = "off.rs"]
    pub(crate) mod hooks;
}
pub mod ops;
pub mod opv;
mod percpu;
#[cfg(feature = "prometheus-client")]
pub mod prometheus;
pub mod registration;
#[doc(hidden)]
pub mod section;
#[cfg(all(target_os = "linux", not(miri)))]
pub mod shared;
pub mod slice;
#[doc(hidden)]
pub mod statics;
mod sys;

pub use collections::counter::{Counter, Counters};
pub use collections::gauge::Gauge;
pub use collections::histogram::Histogram;
pub use fence::{fence, fence_all};
pub use percpu::{ByCid, ByCpu, ExclusiveError, GatedIndex, Index, LazyPerCpu, PerCid, PerCpu, Ungated};
pub use registration::status::{Status, status};
pub use sys::AllocError;

/// What a section does in a model, where there are models.
#[cfg(feature = "model")]
#[doc(hidden)]
#[macro_export]
macro_rules! __model {
    ($($section:tt)*) => { $($section)* };
}
/// Nothing.
#[cfg(not(feature = "model"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __model {
    ($($section:tt)*) => {};
}

/// Compiles restartable sequences.
///
#[doc = include_str!("sequence.md")]
pub use perseq_macros::sequence;
