//! x86-64 Linux: the thread block, found through `fs`, and the counters of the CPU. Its offset is loaded with `@GOTTPOFF`,
//! which a linker turns into a constant in an executable.
//!
//! Sources: System V ABI for x86-64, "ELF Handling For Thread-Local Storage" (Drepper), section 4.4.6.

use core::arch::asm;

mod block;

pub(crate) use block::*;

/// Lets through what `sequence!` lowered for this architecture, by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __on {
    (x86_64 $($tokens:tt)*) => { $($tokens)* };
    ($other:ident $($tokens:tt)*) => {};
}

/// What the sections of this architecture use.
pub mod exported {
    use core::arch::asm;

    unsafe extern "C" {
        #[link_name = thread_symbol!()]
        static THREAD: u8;
    }

    /// Offset of the thread block from the thread pointer: a constant, which the compiler may load once for many sections.
    #[inline(always)]
    #[must_use]
    pub fn thread_offset() -> isize {
        let offset;
        // SAFETY: loads a word that the linker or the loader wrote, or, in an executable, is a constant.
        unsafe {
            asm!(
                "mov {offset}, qword ptr [rip + {thread}@GOTTPOFF]",
                offset = out(reg) offset,
                thread = sym THREAD,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        offset
    }
}

use exported::thread_offset;

/// `area` of the calling thread's block.
#[inline(always)]
pub(crate) fn thread_area() -> *mut perseq_abi::Rseq {
    let area;
    // SAFETY: reads the first word of the thread block.
    unsafe {
        asm!(
            "mov {area}, qword ptr fs:[{thread}]",
            area = out(reg) area,
            thread = in(reg) thread_offset(),
            options(readonly, nostack, preserves_flags),
        );
    }
    area
}

/// The thread pointer.
pub(crate) fn thread_pointer() -> *mut u8 {
    let pointer;
    // SAFETY: `fs:0` holds the thread pointer by the ABI.
    unsafe {
        asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(pure, readonly, nostack, preserves_flags))
    };
    pointer
}

/// The time stamp counter.
#[inline]
pub(crate) fn tsc() -> u64 {
    // SAFETY: every x86-64 processor has it, and Linux leaves it open to user space.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// A performance counter.
///
/// # Safety
/// The kernel must have opened counter `index` to user space (`cap_user_rdpmc`), or this traps.
#[inline]
pub(crate) unsafe fn rdpmc(index: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller promises that the counter may be read.
    unsafe {
        asm!("rdpmc", in("ecx") index, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}
