//! The thread block in thread-local storage, and libc's words about its areas: what all architectures lay down alike.
//!
//! The thread block is initial-exec thread-local storage, defined in assembly because Rust's `thread_local!` promises
//! no address that assembly could name. How its offset from the thread pointer is found is the leaf's.
//!
//! Source: "ELF Handling For Thread-Local Storage" (Drepper).

use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::{exported::thread_offset, thread_pointer};
use crate::registration::{ThreadBlock, UNREGISTERED};

/// Whether sections can be run at all by this build.
pub(crate) const LOWERED: bool = true;

/// The directive for a word as wide as an address.
macro_rules! address {
    () => {
        cfg_select! {
            target_pointer_width = "64" => ".8byte",
            _ => ".4byte",
        }
    };
}

// The initial image of `ThreadBlock`: its area is the one that says "not registered".
global_asm!(
    ".pushsection .tdata.perseq, \"awT\", %progbits",
    ".balign 64",
    concat!(".globl ", thread_symbol!()),
    concat!(".hidden ", thread_symbol!()),
    concat!(".type ", thread_symbol!(), ", %object"),
    concat!(".size ", thread_symbol!(), ", {size}"),
    concat!(thread_symbol!(), ":"),
    concat!(address!(), " {unregistered}"),
    concat!(address!(), " {cpu_id}"),
    ".zero {size} - 2 * {word}",
    ".popsection",
    unregistered = sym UNREGISTERED,
    cpu_id = const core::mem::offset_of!(perseq_abi::Rseq, cpu_id),
    size = const size_of::<ThreadBlock>(),
    word = const size_of::<usize>(),
);

/// The word with its uninitialised bits, if it has any, as they happen to be in the register.
#[inline(always)]
pub(crate) fn freeze(word: MaybeUninit<*mut ()>) -> *mut () {
    let frozen;
    // SAFETY: nothing is executed. What comes out of `asm!` is initialised, whatever it is.
    unsafe {
        asm!("/* {0} */", inlateout(reg) word => frozen, options(pure, nomem, nostack, preserves_flags));
    }
    frozen
}

/// The calling thread's block. Async-signal-safe.
pub(crate) fn thread_block() -> Option<NonNull<ThreadBlock>> {
    NonNull::new(thread_pointer().wrapping_offset(thread_offset()).cast())
}

#[cfg(target_feature = "crt-static")]
global_asm!(
    ".weak __rseq_offset",
    ".weak __rseq_size",
    ".pushsection .data.rel.ro.perseq, \"aw\", %progbits",
    ".balign 8",
    concat!(".hidden ", thread_symbol!(), "_libc"),
    concat!(".globl ", thread_symbol!(), "_libc"),
    concat!(thread_symbol!(), "_libc:"),
    concat!(address!(), " __rseq_offset, __rseq_size"),
    ".popsection",
);

/// `__rseq_offset` and `__rseq_size` of a statically linked libc, if it has them.
///
/// Only here are they named: in a dynamic program a reference, even a weak one, would make the binary require
/// glibc 2.35.
#[cfg(target_feature = "crt-static")]
pub(crate) fn static_libc_area() -> Option<(isize, u32)> {
    unsafe extern "C" {
        #[link_name = concat!(thread_symbol!(), "_libc")]
        static LIBC: [*const u8; 2];
    }
    // SAFETY: two addresses that the linker wrote, 0 where the symbol does not exist. Volatile, as the compiler knows that no
    // symbol is at 0.
    let [offset, size] = unsafe { (&raw const LIBC).read_volatile() };
    if offset.is_null() || size.is_null() {
        return None;
    }
    // SAFETY: libc defines both as constants of these types (`sys/rseq.h`), set before any of our code runs.
    Some(unsafe { (offset.cast::<isize>().read(), size.cast::<u32>().read()) })
}
