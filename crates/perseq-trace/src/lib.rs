//! User-space tracing: an event is one restartable sequence into the ring of the running CPU.
//!
//! The sequence finds room, reads the clock, writes the event beyond the head of the ring, and commits the head. So there is no half-written
//! event, times on one CPU never go backwards, a signal handler that traces in the middle of an event is simply first, and a
//! process that is killed anywhere leaves whole events. It costs about what reading the clock does.
//!
//! ```
//! use perseq_trace::{Session, event};
//!
//! # let folder = std::env::temp_dir().join(format!("perseq-trace-crate-{}", std::process::id()));
//! let session = Session::builder(&folder).enable("files:*").start()?;
//!
//! event!(files::opened, path: &str = "/etc/hosts", size: u64 = 220);
//!
//! let summary = session.stop()?;
//! assert_eq!((summary.events, summary.lost), (1, 0));
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The folder is a trace in the Common Trace Format, which babeltrace2 and Trace Compass read; [`perseq_ctf`] reads it too, prints it, and exports it for
//! Perfetto.
//!
//! - [`event!`] records an event with typed fields. Off, it costs a load and a branch.
//! - [`span!`] records where something is entered and left; [`enumeration!`] declares fields whose values have names.
//! - [`Session`] says what is recorded, by glob and level, how large the rings are and what is done where there is [no room](Mode).
//! - [`sites`] are the events that a program can record, all of them known when it is loaded.
//!
//! # Features
//! `tracing` brings `layer()`, by which a program that uses crate `tracing`, or `log`, is recorded without another change.
//!
//! # Where it may be used
//! [`event!`] may be used in signal handlers, before `main`, in destructors of thread-local values and in the child of a fork, which records into the
//! rings of its parent. Sessions are for ordinary code. Where there are no restartable sequences an event takes the slow path of the ring, for some
//! hundred nanoseconds.
//!
//! Macros and sites are there on every system, so that programs need no `cfg`; what records is there on Linux.

mod encode;
mod enumeration;
#[doc(hidden)]
pub mod expand;
mod site;
mod span;

pub use encode::Encode;
pub use perseq_ctf::{Field, Level, Version};
pub use site::{Site, sites};
pub use span::Span;

cfg_if::cfg_if! {
    // Where rings are.
    if #[cfg(all(target_os = "linux", not(miri)))] {
        mod claim;
        mod clock;
        mod consumer;
        mod context;
        mod control;
        mod error;
        mod home;
        #[cfg(feature = "tracing")]
        mod layer;
        mod plan;
        mod program;
        mod registry;
        mod session;
        mod stream;
        mod sys;

        #[doc(hidden)]
        pub mod emit;
        #[doc(hidden)]
        #[allow(missing_docs, reason = "for this workspace's tests")]
        pub mod ring;

        pub use context::Context;
        pub use control::{Active, Program, Status, active, programs};
        pub use emit::Mode;
        #[cfg(feature = "tracing")]
        pub use layer::{Layer, layer};
        pub use plan::Programs;
        pub use program::listen;
        pub use error::SessionError;
        pub use session::{Builder, Session};
        pub use stream::Summary;
        #[doc(hidden)]
        pub use stream::stream_of_words;
    }
}
