//! `struct rseq`, the area shared between a thread and the kernel, and `struct rseq_cs`, the descriptor
//! of one critical section.
//!
//! Invariant: the offsets are those of `include/uapi/linux/rseq.h`, asserted below. A thread only ever
//! writes [`Rseq::rseq_cs`] (and `slice_ctrl.request`); every other field belongs to the kernel, which
//! kills a process that writes one where it can notice (`rseq_debug`, and areas longer than 32 bytes).

use core::mem::{offset_of, size_of};

use crate::slice::SliceCtrl;

/// `cpu_id` of an area that is not registered (`RSEQ_CPU_ID_UNINITIALIZED`).
pub const CPU_ID_UNINITIALIZED: i32 = -1;

/// `cpu_id` of an area whose registration was refused, written by libc
/// (`RSEQ_CPU_ID_REGISTRATION_FAILED`).
pub const CPU_ID_REGISTRATION_FAILED: i32 = -2;

/// Bytes of `struct rseq` as first published (Linux 4.18). Every kernel accepts a registration of
/// this length.
pub const ORIGINAL_SIZE: u32 = 32;

/// Alignment of an area registered with [`ORIGINAL_SIZE`] bytes.
pub const ORIGINAL_ALIGN: u32 = 32;

/// `struct rseq`: one per thread, registered with the kernel by [`sys::register`](crate::sys::register).
///
/// All fields are relaxed atomics from the thread's point of view: the kernel writes them while the
/// thread is not running user code. What another thread reads of them was so at some moment, and may not be any more.
#[repr(C, align(32))]
#[derive(Debug)]
pub struct Rseq {
    /// CPU number, never negative: 0 when not registered. For speculative indexing only; compare with
    /// [`cpu_id`](Self::cpu_id) before use.
    pub cpu_id_start: u32,
    /// CPU number, or [`CPU_ID_UNINITIALIZED`] / [`CPU_ID_REGISTRATION_FAILED`] as `u32`.
    pub cpu_id: u32,
    /// Address of the active [`RseqCs`], or 0. Stored by the thread to arm a critical section, cleared by
    /// the kernel when it aborts one or finds the thread outside it.
    pub rseq_cs: u64,
    /// The thread must leave it alone: where the NO_RESTART flags are gone the kernel sends SIGSEGV if any is set when it would abort a
    /// section. Newer ones
    /// say here whether the time slice extension is available and enabled.
    pub flags: u32,
    /// NUMA node of the CPU (Linux 6.3; announced by [`Feature::NodeId`]).
    pub node_id: u32,
    /// Concurrency id: unique among the threads of a process that run at one moment, and below the
    /// number of CPUs the process may use (Linux 6.3; announced by [`Feature::MmCid`]).
    pub mm_cid: u32,
    /// The time slice extension (Linux 7.0; announced by [`Feature::SliceCtrl`], and to be [enabled](crate::slice::enable)).
    pub slice_ctrl: SliceCtrl,
}

impl Rseq {
    /// An area that no kernel knows: both CPU fields say so.
    #[must_use]
    pub const fn unregistered() -> Self {
        Self {
            cpu_id_start: 0,
            cpu_id: CPU_ID_UNINITIALIZED as u32,
            rseq_cs: 0,
            flags: 0,
            node_id: 0,
            mm_cid: 0,
            slice_ctrl: SliceCtrl { request: 0, granted: 0, reserved: 0 },
        }
    }
}

/// `struct rseq_cs`: describes one critical section.
///
/// The kernel reads it whenever it returns to a thread whose [`Rseq::rseq_cs`] points here, so it must stay
/// mapped until that field is cleared. It sends SIGSEGV if `version` is not 0, if `abort_ip`
/// lies inside the section, or if the four bytes before `abort_ip` are not the registered signature; and, when it would abort the section,
/// if `flags` is not 0.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RseqCs {
    /// 0.
    pub version: u32,
    /// 0.
    pub flags: u32,
    /// Address of the first instruction of the section.
    pub start_ip: u64,
    /// Length of the section: `start_ip + post_commit_offset` is the address after the commit.
    pub post_commit_offset: u64,
    /// Where the kernel continues a thread that was inside the section.
    pub abort_ip: u64,
}

impl RseqCs {
    /// Whether `ip` lies inside the section, computed as the kernel does (one unsigned comparison).
    #[must_use]
    pub const fn contains(&self, ip: u64) -> bool {
        ip.wrapping_sub(self.start_ip) < self.post_commit_offset
    }
}

/// Fields that not every kernel has, with the feature size that announces them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// [`Rseq::node_id`].
    NodeId,
    /// [`Rseq::mm_cid`].
    MmCid,
    /// [`Rseq::slice_ctrl`].
    SliceCtrl,
}

impl Feature {
    /// The smallest `AT_RSEQ_FEATURE_SIZE`, in bytes, with which the kernel maintains this field.
    ///
    /// `slice_ctrl` is announced by one byte more than its last: the kernel's end marker sits at 33.
    #[must_use]
    pub const fn end(self) -> u32 {
        match self {
            Self::NodeId => 24,
            Self::MmCid => 28,
            Self::SliceCtrl => 32,
        }
    }

    /// Whether a kernel that announces `feature_size` bytes maintains this field in an area registered
    /// with `registered` bytes.
    #[must_use]
    pub const fn available(self, feature_size: u32, registered: u32) -> bool {
        let end = self.end();
        feature_size >= end && registered >= end
    }
}

const _: () = {
    assert!(offset_of!(Rseq, cpu_id_start) == 0);
    assert!(offset_of!(Rseq, cpu_id) == 4);
    assert!(offset_of!(Rseq, rseq_cs) == 8);
    assert!(offset_of!(Rseq, flags) == 16);
    assert!(offset_of!(Rseq, node_id) == 20);
    assert!(offset_of!(Rseq, mm_cid) == 24);
    assert!(offset_of!(Rseq, slice_ctrl) == 28);
    assert!(size_of::<Rseq>() == ORIGINAL_SIZE as usize);
    assert!(offset_of!(RseqCs, start_ip) == 8);
    assert!(offset_of!(RseqCs, post_commit_offset) == 16);
    assert!(offset_of!(RseqCs, abort_ip) == 24);
    assert!(size_of::<RseqCs>() == 32);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_contains_its_start_but_not_its_end() {
        let cs = RseqCs { version: 0, flags: 0, start_ip: 100, post_commit_offset: 8, abort_ip: 200 };
        assert!(!cs.contains(99));
        assert!(cs.contains(100));
        assert!(cs.contains(107));
        assert!(!cs.contains(108));
    }

    #[test]
    fn features_need_both_the_kernel_and_the_registration() {
        assert!(!Feature::NodeId.available(20, 32));
        assert!(Feature::MmCid.available(28, 32));
        assert!(!Feature::SliceCtrl.available(28, 32));
        assert!(Feature::SliceCtrl.available(33, 64));
        assert!(!Feature::SliceCtrl.available(33, 28));
    }
}
