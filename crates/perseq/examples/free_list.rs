//! A free list of buffers for each CPU: two sequences that follow raw pointers, and `exclusive` to collect what is left.
//!
//! `cargo run --release --example free_list -p perseq`

use std::ptr::{NonNull, null_mut};
use std::thread;

use perseq::{PerCpu, sequence};

/// A buffer of 4 KiB that can be linked into a free list.
struct Buffer {
    next: *mut Buffer,
    bytes: [u8; 4096],
}

/// The free buffers of one CPU.
struct FreeList {
    top: *mut Buffer,
    len: u64,
}

// SAFETY: the list owns the buffers that it links.
unsafe impl Send for FreeList {}

sequence! {
    /// Gives a buffer to the running CPU's list.
    ///
    /// # Safety
    /// `buffer` is valid and nobody else uses it; buffers are never freed while a take may be under way.
    unsafe fn give(list: &PerCpu<FreeList>, buffer: *mut Buffer) {
        let top: *mut Buffer = list.top;
        stage (*buffer).next = top;
        commit list.top = buffer;
    }

    /// Takes a buffer from the running CPU's list.
    ///
    /// # Safety
    /// As [`give`].
    unsafe fn take(list: &PerCpu<FreeList>) -> Option<NonNull<Buffer>> {
        let top: *mut Buffer = list.top;
        if top.is_null() { return None; }
        // Safe even if another thread took the buffer: then this section restarts, and the memory is still a buffer.
        let next: *mut Buffer = (*top).next;
        commit list.top = next;
        NonNull::new(top)
    }
}

fn main() -> Result<(), perseq::ExclusiveError> {
    let lists = PerCpu::new(|_cpu| FreeList { top: null_mut(), len: 0 });
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let lists = &lists;
            scope.spawn(move || {
                for _ in 0..100_000 {
                    // SAFETY: buffers are freed only below, when the threads have ended.
                    let mut buffer = unsafe { take(lists) }.unwrap_or_else(|| {
                        let fresh = Box::new(Buffer { next: null_mut(), bytes: [0; 4096] });
                        NonNull::from(Box::leak(fresh))
                    });
                    // SAFETY: taken or made, so it is ours until it is given.
                    unsafe {
                        buffer.as_mut().bytes[0] = thread;
                        give(lists, buffer.as_ptr());
                    }
                }
            });
        }
    });
    // Ordinary Rust on each CPU's list, wherever we run.
    for cpu in 0..lists.slots() {
        let freed = lists.exclusive(cpu, |list| {
            while let Some(top) = NonNull::new(list.top) {
                // SAFETY: the list owns its buffers, and each was leaked from a box.
                let buffer = unsafe { Box::from_raw(top.as_ptr()) };
                list.top = buffer.next;
                list.len += 1;
            }
            list.len
        })?;
        println!("CPU {cpu}: {freed} buffers");
    }
    Ok(())
}
