//! aarch64 Linux: the thread block, found through `tpidr_el0`, and the clock.
//!
//! Sources: "ELF for the Arm 64-bit Architecture", Arm ARM (DDI 0487).

use core::arch::asm;

mod block;
mod no_counters;

pub(crate) use block::*;
pub(crate) use no_counters::rdpmc;

/// Lets through what `sequence!` lowered for this architecture, by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __on {
    (aarch64 $($tokens:tt)*) => { $($tokens)* };
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
                "adrp {offset}, :gottprel:{thread}",
                "ldr {offset}, [{offset}, :gottprel_lo12:{thread}]",
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
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    };
    pointer
}

/// The virtual counter.
#[inline]
pub(crate) fn tsc() -> u64 {
    let ticks;
    // SAFETY: Linux opens the virtual counter to user space.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks
}
