//! Read-copy-update in user space, on restartable sequences.
//!
//! Readers of a shared structure never wait and never make anybody wait; a writer replaces parts of it, and frees the old ones when
//! nobody can be reading them any more, after a *grace period*. The oldest form of that is for kernels. Here it is for any thread of a process:
//!
//! - A reader executes no atomic instruction and no fence, and no thread is registered: it adds to two counters of the CPU it
//!   runs on, by [restartable sequences](perseq). So signal handlers read, and threads at any moment of their lives; guards may go to other threads.
//! - A writer's cost grows with the CPUs of the machine, not with the threads: it has every CPU execute a barrier by membarrier(2),
//!   and sums the counters.
//! - Where there are no restartable sequences readers use atomic counters instead, and all of it works, more slowly.
//!
//! ```
//! use perseq_rcu::Rcu;
//!
//! struct Routes { default: u32 }
//!
//! let routes = Rcu::new(Routes { default: 1 });
//!
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         let default = routes.read().default; // waits for nobody
//!         assert!(default == 1 || default == 2);
//!     });
//!     routes.store(Routes { default: 2 }); // the old ones are dropped when they are not read any more
//! });
//! ```
//!
//! - [`Rcu<T>`] is a value that is replaced as a whole. A short read of it, such as [`Rcu::get`], can be one restartable sequence without any
//!   guard or counter.
//! - [`List`] is a list that is read while others change it.
//! - `HashMap` is a hash map of that kind: the one of crate `papaya`, reclaimed by this one (feature `papaya`).
//! - [`Domain`] is what all of that rests on, for structures of your own: [`read`](Domain::read), [`synchronize`](Domain::synchronize),
//!   [`defer`](Domain::defer), [`poll`](Domain::poll).
//! - [`Worker`] runs what was deferred on a thread of its own; without one, threads that defer do it now and then.
//!
//! # What may be done where
//! | | a signal handler | a reader | a callback | the child of a fork |
//! |---|---|---|---|---|
//! | [`read`](Domain::read), [`Rcu::load`], [`Rcu::get`], drop of a guard | yes | yes | yes | yes |
//! | iterating over a [`List`], `HashMap::get` | yes | yes | yes | yes |
//! | [`defer`](Domain::defer), [`Rcu::store`] | no: they allocate | yes | yes | yes |
//! | changing a [`List`] or a `HashMap` | no: they lock, or allocate | yes | yes | if no other thread was at it |
//! | [`state`](Domain::state) | yes | yes | yes | yes |
//! | [`poll`](Domain::poll) | no | yes | yes | yes |
//! | [`synchronize`](Domain::synchronize), [`Old::wait`] | no | **never**: it would wait for itself | no: it panics | yes |
//! | [`barrier`](Domain::barrier) | no | **never** | no: it panics | yes |
//!
//! # Forks
//! The child of a fork begins with clean state: the other threads of the parent are no readers there, and callbacks that were deferred before
//! are the parent's, who runs them. A guard that the forking thread holds protects nothing in the child; it may be dropped there. After a fork
//! past the handlers of `pthread_atfork` (`_Fork`, `vfork`, a bare system call) the child must exec or exit.
//!
//! # Threads that end
//! A guard that is never dropped, because its thread was cancelled or it was [forgotten](std::mem::forget), holds up grace periods of its domain
//! for ever. Nothing hangs silently: [`Domain::on_stall`] tells, and [`Domain::synchronize_within`] returns.

mod anew;
mod boxed;
mod callbacks;
mod cell;
mod counts;
mod domain;
mod flavor;
mod grace;
pub mod list;
#[cfg(feature = "papaya")]
pub mod map;
mod patience;
mod readers;
mod restartable;
#[cfg(all(target_os = "linux", not(miri)))]
pub mod shared;
mod stall;
mod writers;

/// What [`grace`] is made of: a test puts a model of memory in its place.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
}

pub use callbacks::Worker;
pub use cell::{Old, Rcu, Ref};
pub use domain::{Domain, ReadGuard};
pub use flavor::{Flavor, Global, Guard};
pub use list::List;
#[cfg(feature = "papaya")]
pub use map::HashMap;
pub use restartable::Published;
pub use stall::Stall;
pub use writers::{GraceError, GraceState};

/// [`Domain::read`] of the global domain.
#[inline]
pub fn read() -> Guard {
    Global::read()
}

/// [`Domain::synchronize`] of the global domain.
pub fn synchronize() {
    Domain::global().synchronize();
}

/// [`Domain::defer`] of the global domain.
#[inline]
pub fn defer(callback: impl FnOnce() + Send + 'static) {
    Domain::global().defer(callback);
}

/// [`Domain::barrier`] of the global domain.
pub fn barrier() {
    Domain::global().barrier();
}
