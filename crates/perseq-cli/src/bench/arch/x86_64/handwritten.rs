//! A restartable section by hand: what a counter's addition costs when somebody writes the assembly for
//! this one purpose, this one architecture, and threads that libc is known to have registered.
//!
//! ```text
//! retry:  area.rseq_cs = &descriptor          area: thread pointer + __rseq_offset
//! start:  slot  = lanes + area.cpu_id * 128   the section begins
//!         value = *slot + n
//!         *slot = value                       the commit; the section ends
//! abort:  goto retry                          elsewhere, behind the signature
//! ```
//!
//! It finds the area anew each time, as a function must that may be called on any thread. There is no gate, so nobody
//! can own a slot but its CPU; there is no test of `cpu_id`, so an unregistered thread would write before the
//! first lane; and there is no way out for a thread that is aborted for ever.

use std::arch::asm;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering::Relaxed};

use crate::bench::lanes::{LANE_SHIFT, Lane};

/// `__rseq_offset`, once a thread has asked for it.
static OFFSET: AtomicIsize = AtomicIsize::new(0);

/// Proof that libc has registered this thread. It holds on this thread only.
#[derive(Clone, Copy)]
pub struct Area(PhantomData<*mut u8>);

impl Area {
    /// The area of the calling thread.
    pub fn of_this_thread() -> Result<Self, String> {
        let offset = offset()?;
        let cpu_id: i32;
        // SAFETY: glibc has an area at this offset from every thread's pointer, which `fs` holds (ELF handling for
        // thread-local storage, section 3.4.6); `cpu_id` is its second word.
        unsafe {
            asm!(
                "mov {:e}, dword ptr fs:[{} + 4]",
                out(reg) cpu_id,
                in(reg) offset,
                options(nostack, preserves_flags, readonly),
            );
        }
        // Negative: the registration failed, or was switched off.
        if cpu_id < 0 {
            return Err("libc has not registered rseq".to_owned());
        }
        OFFSET.store(offset, Relaxed);
        Ok(Self(PhantomData))
    }

    /// Adds `n` to word `at` of the running CPU's lane.
    ///
    /// # Safety
    /// `lanes` must have a lane for every possible CPU, and no other thread may write to these words except by
    /// this function.
    #[inline(always)]
    pub unsafe fn add(self, lanes: &'static [Lane], at: usize, n: u64) {
        let word = lanes.as_ptr().cast::<AtomicU64>().wrapping_add(at);
        let offset = OFFSET.load(Relaxed);
        // SAFETY:
        // - The descriptor is constant, has version and flags 0, and names a section of this very text and an
        //   abort handler outside it that follows the signature which glibc registers with.
        // - There is an area at `offset` from the thread pointer, and it is registered: `self` exists on this thread.
        //   So `cpu_id` is a possible CPU, and by the caller's word the address lies in `lanes`.
        // - Inside the section only scratch registers and the committed word are written, and
        //   neither inputs nor the stack change: starting over is the same as starting.
        // - The kernel clears `rseq_cs` on an abort and after the section; the text is never unloaded.
        unsafe {
            asm!(
                ".pushsection __rseq_cs, \"aw\", @progbits",
                ".balign 32",
                "32:",
                ".long 0, 0",
                ".quad 33f, 34f - 33f, 35f",
                ".popsection",
                // The signature is the operand of an undefined instruction, so that nobody runs into it.
                ".pushsection __rseq_failure, \"ax\", @progbits",
                ".byte 0x0f, 0xb9, 0x3d",
                ".long 0x53053053",
                "35:",
                "jmp 36f",
                ".popsection",
                "36:",
                "lea {slot}, [rip + 32b]",
                "mov qword ptr fs:[{offset} + 8], {slot}",
                "33:",
                "mov {slot:e}, dword ptr fs:[{offset} + 4]",
                "shl {slot}, {shift}",
                "add {slot}, {word}",
                "mov {value}, qword ptr [{slot}]",
                "add {value}, {n}",
                "mov qword ptr [{slot}], {value}",
                "34:",
                offset = in(reg) offset,
                word = in(reg) word,
                n = in(reg) n,
                slot = out(reg) _,
                value = out(reg) _,
                shift = const LANE_SHIFT,
                options(nostack),
            );
        }
    }
}

/// Where glibc keeps the area, seen from the thread pointer.
fn offset() -> Result<isize, String> {
    // By name at run time: a reference would make the command require the glibc that has it.
    // SAFETY: the name ends with a zero byte.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    // SAFETY: the symbol is glibc's constant of type `ptrdiff_t`.
    let offset = unsafe { address.cast::<isize>().as_ref() }.copied();
    let missing = if cfg!(target_feature = "crt-static") {
        "a static program cannot look up libc's rseq area"
    } else {
        "libc has no rseq area"
    };
    offset.ok_or_else(|| missing.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lanes;

    #[test]
    fn no_addition_is_lost_between_threads_on_one_cpu() {
        if Area::of_this_thread().is_err() {
            return;
        }
        let lanes = lanes::for_possible_cpus();
        let add = || {
            let area = Area::of_this_thread().unwrap();
            for _ in 0..1_000_000 {
                // SAFETY: there is a lane for every possible CPU, and nobody else writes to them.
                unsafe { area.add(lanes, 1, 2) };
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(add);
            }
        });
        assert_eq!(lanes::sum(lanes), 8_000_000);
    }
}
