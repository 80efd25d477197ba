//! x86 Linux of 32 bits: the thread block, found through `gs`, and the counters of the CPU.
//!
//! Sources: System V ABI for i386, "ELF Handling For Thread-Local Storage" (Drepper), section 4.4.2.

use core::arch::asm;

mod block;

pub(crate) use block::*;

/// Lets through what `sequence!` lowered for this architecture, by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __on {
    (x86 $($tokens:tt)*) => { $($tokens)* };
    ($other:ident $($tokens:tt)*) => {};
}

/// What the sections of this architecture use.
pub mod exported {
    use core::arch::asm;

    unsafe extern "C" {
        #[link_name = thread_symbol!()]
        static THREAD: u8;
    }

    /// Address of the global offset table: a constant, which the compiler may load once for many sections. Everything else is
    /// found relative to it, as instructions know no address relative to their own.
    #[inline(always)]
    #[must_use]
    pub fn anchor() -> usize {
        let table;
        // SAFETY: pushes the address of the next instruction and takes it back, which the stack has room for; the rest is
        // arithmetic with what the linker wrote.
        unsafe {
            asm!(
                "call 2f",
                "2: popl {table}",
                "addl $_GLOBAL_OFFSET_TABLE_ + (. - 2b), {table}",
                table = out(reg) table,
                options(att_syntax, pure, nomem),
            );
        }
        table
    }

    /// Offset of the thread block from the thread pointer: a constant, too.
    #[inline(always)]
    #[must_use]
    pub fn thread_offset() -> isize {
        let offset;
        // SAFETY: loads a word that the linker or the loader wrote, or, in an executable, is a constant.
        unsafe {
            asm!(
                "movl {thread}@GOTNTPOFF({table}), {offset}",
                table = in(reg) anchor(),
                offset = lateout(reg) offset,
                thread = sym THREAD,
                options(att_syntax, pure, nomem, nostack, preserves_flags),
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
            "mov {area}, dword ptr gs:[{thread}]",
            area = lateout(reg) area,
            thread = in(reg) thread_offset(),
            options(readonly, nostack, preserves_flags),
        );
    }
    area
}

/// The thread pointer.
pub(crate) fn thread_pointer() -> *mut u8 {
    let pointer;
    // SAFETY: `gs:0` holds the thread pointer by the ABI.
    unsafe {
        asm!("mov {}, dword ptr gs:[0]", out(reg) pointer, options(pure, readonly, nostack, preserves_flags))
    };
    pointer
}

/// The time stamp counter.
#[inline]
pub(crate) fn tsc() -> u64 {
    // SAFETY: every processor with SSE2 has it, and Linux leaves it open to user space.
    unsafe { core::arch::x86::_rdtsc() }
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
