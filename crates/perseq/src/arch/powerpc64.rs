//! powerpc64 Linux, of either byte order: the thread block, found through r13, and the clock.
//!
//! Source: 64-Bit ELF V2 ABI Specification, Power Architecture.

use core::arch::asm;

mod block;
mod no_counters;

pub(crate) use block::*;
pub(crate) use no_counters::rdpmc;

/// Lets through what `sequence!` lowered for this architecture, by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __on {
    (powerpc64 $($tokens:tt)*) => { $($tokens)* };
    ($other:ident $($tokens:tt)*) => {};
}

/// What the sections of this architecture use.
pub mod exported {
    use core::arch::global_asm;

    // Instructions that load the offset need the table of contents in r2, which inline assembly cannot ask for. So the linker
    // writes it to a word of ours.
    global_asm!(
        ".pushsection .data.rel.ro.perseq, \"aw\", @progbits",
        ".balign 8",
        concat!(".hidden ", thread_symbol!(), "_offset"),
        concat!(".globl ", thread_symbol!(), "_offset"),
        concat!(thread_symbol!(), "_offset:"),
        concat!(".8byte ", thread_symbol!(), "@tprel"),
        ".popsection",
    );

    unsafe extern "C" {
        #[link_name = concat!(thread_symbol!(), "_offset")]
        static OFFSET: isize;
    }

    /// Offset of the thread block from the thread pointer: a constant, which the compiler may load once for many sections.
    #[inline(always)]
    #[must_use]
    pub fn thread_offset() -> isize {
        // SAFETY: a constant that the linker or the loader wrote.
        unsafe { OFFSET }
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
        asm!("mr {}, 13", out(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    };
    pointer
}

/// The time base.
#[inline]
pub(crate) fn tsc() -> u64 {
    let ticks;
    // SAFETY: the time base is open to user space.
    unsafe { asm!("mftb {}", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks
}
