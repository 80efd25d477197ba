//! The time slice extension (Linux 7.0 and later, `include/uapi/linux/prctl.h`): a thread asks, through
//! `Rseq::slice_ctrl`, not to be preempted for a short while.

/// `PR_RSEQ_SLICE_EXTENSION`: the prctl(2) option.
pub const PR_RSEQ_SLICE_EXTENSION: i32 = 79;

/// Second argument of the prctl: read the setting.
pub const PR_RSEQ_SLICE_EXTENSION_GET: usize = 1;

/// Second argument of the prctl: change the setting.
pub const PR_RSEQ_SLICE_EXTENSION_SET: usize = 2;

/// Third argument of the prctl: enable for this thread.
pub const PR_RSEQ_SLICE_EXT_ENABLE: usize = 1;

/// Number of `rseq_slice_yield(2)`, the same on every architecture: gives the rest of a granted extension
/// back.
pub const SYS_RSEQ_SLICE_YIELD: i64 = 471;
