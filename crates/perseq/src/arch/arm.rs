//! arm Linux, ARMv7-A in ARM mode: the thread block, found through the user read-only thread register, and the clock.
//!
//! Sources: "ELF for the Arm Architecture", Arm ARM (DDI 0406).

use core::arch::asm;

mod block;
mod no_counters;

pub(crate) use block::*;
pub(crate) use no_counters::rdpmc;

/// Lets through what `sequence!` lowered for this architecture, by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __on {
    (arm $($tokens:tt)*) => { $($tokens)* };
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
        // SAFETY: loads a word that the linker or the loader wrote. Where that lies relative to here, the word between the
        // instructions says: no instruction has room for it.
        unsafe {
            asm!(
                "ldr {offset}, 2f",
                "3: ldr {offset}, [pc, {offset}]",
                "b 4f",
                "2: .4byte {thread}(gottpoff) + (. - 3b - 8)",
                "4:",
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
    let block = thread_pointer().wrapping_offset(thread_offset());
    // SAFETY: the first word of the thread block. Volatile, since a handler may adopt an area for the thread.
    unsafe { block.cast::<*mut perseq_abi::Rseq>().read_volatile() }
}

/// The thread pointer.
#[inline(always)]
pub(crate) fn thread_pointer() -> *mut u8 {
    let pointer;
    // SAFETY: reads the register that holds the thread pointer, by the ABI.
    unsafe {
        asm!("mrc p15, 0, {}, c13, c0, 3", out(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    };
    pointer
}

/// The virtual counter of the generic timer, which processors before the Cortex-A15 and A7 do not have: the instruction is
/// undefined there.
#[inline]
pub(crate) fn tsc() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: Linux opens the virtual counter to user space.
    unsafe {
        asm!("mrrc p15, 1, {}, {}, c14", out(reg) low, out(reg) high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}
