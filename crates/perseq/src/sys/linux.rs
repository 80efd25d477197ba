//! Linux, by system calls that leave `errno` alone, or inside of an [`ErrnoKept`].

use core::num::NonZeroU32;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::AtomicU32;

use rustix::fs::{Mode, OFlags, open};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::thread::futex;

use super::AllocError;

/// Puts `errno` back when it is dropped: where rustix calls the kernel through libc (s390x, powerpc64, loongarch64), failing
/// calls change it.
pub(crate) struct ErrnoKept(i32);

impl ErrnoKept {
    pub(crate) fn new() -> Self {
        // SAFETY: the calling thread's own.
        Self(unsafe { *libc::__errno_location() })
    }
}

impl Drop for ErrnoKept {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

/// The CPU the thread runs on, from the vDSO: right a moment ago.
pub(crate) fn current_cpu() -> u32 {
    u32::try_from(rustix::thread::sched_getcpu()).unwrap_or(0)
}

/// The kernel's id of the calling thread, unique in the system while the thread lives.
pub(crate) fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_pid().unsigned_abs()
}

/// Whether a thread of this process has this id.
pub(crate) fn thread_exists(id: u32) -> bool {
    perseq_abi::sys::thread_exists(id)
}

/// Sleeps while `*word == expected`, at most `milliseconds`; may wake early.
pub(crate) fn wait(word: &AtomicU32, expected: u32, milliseconds: u32) {
    wait_for(futex::Flags::PRIVATE, word, expected, milliseconds);
}

/// [`wait`] on a word that processes share.
pub(crate) fn wait_shared(word: &AtomicU32, expected: u32, milliseconds: u32) {
    wait_for(futex::Flags::empty(), word, expected, milliseconds);
}

fn wait_for(scope: futex::Flags, word: &AtomicU32, expected: u32, milliseconds: u32) {
    let timeout = rustix::fs::Timespec {
        tv_sec: i64::from(milliseconds / 1000),
        tv_nsec: i64::from(milliseconds % 1000) * 1_000_000,
    };
    // Any error means "look again", which the caller does.
    let _ = futex::wait(word, scope, expected, Some(&timeout));
}

/// Wakes all who [`wait`] on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    // The only errors are bad addresses, which a reference is not.
    let _ = futex::wake(word, futex::Flags::PRIVATE, i32::MAX.unsigned_abs());
}

/// Wakes all who [`wait_shared`] on `word`, in all processes.
pub(crate) fn wake_all_shared(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX.unsigned_abs());
}

/// As [`wait`], by a thread that only those wakes reach that name one of its `groups`.
pub(crate) fn wait_in(word: &AtomicU32, expected: u32, milliseconds: u32, groups: NonZeroU32) {
    const SECOND: u64 = 1_000_000_000;
    // Unlike that of a plain wait this timeout is a time of the clock.
    let until = monotonic_nanos().saturating_add(u64::from(milliseconds) * 1_000_000);
    let until = rustix::fs::Timespec {
        tv_sec: (until / SECOND).cast_signed(),
        tv_nsec: (until % SECOND).try_into().unwrap_or(0),
    };
    let _ = futex::wait_bitset(word, futex::Flags::PRIVATE, expected, Some(&until), groups);
}

/// Wakes one who waits on `word` by [`wait_in`] in one of `groups`; says whether there was one.
pub(crate) fn wake_one_in(word: &AtomicU32, groups: NonZeroU32) -> bool {
    futex::wake_bitset(word, futex::Flags::PRIVATE, 1, groups).is_ok_and(|woken| woken > 0)
}

/// Lets other threads have the CPU, if there are any.
pub(crate) fn yield_now() {
    rustix::thread::sched_yield();
}

/// Maps `len` bytes of zeros that can be read, starting on a page.
pub(crate) fn reserve(len: usize) -> Result<NonNull<u8>, AllocError> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice overlaps nothing.
    let at = unsafe { mmap_anonymous(null_mut(), len, ProtFlags::READ, flags) }.map_err(|_| AllocError)?;
    NonNull::new(at.cast()).ok_or(AllocError)
}

/// Makes part of a reservation writable, without huge pages: a page that spans the slots of many CPUs would undo
/// both their placement and the economy of touching only what is used.
///
/// # Safety
/// The range must lie inside one reservation of [`reserve`] and begin on a page.
pub(crate) unsafe fn make_writable(at: *mut u8, len: usize) -> Result<(), AllocError> {
    // SAFETY: the range is part of a mapping of ours; making it writable takes nothing away.
    unsafe {
        mprotect(at.cast(), len, MprotectFlags::READ | MprotectFlags::WRITE).map_err(|_| AllocError)?;
        // Advice: a kernel without huge pages refuses it, which is as good.
        let _ = rustix::mm::madvise(at.cast(), len, rustix::mm::Advice::LinuxNoHugepage);
    }
    Ok(())
}

/// Gives the memory of part of a reservation back to the system, which reads as zeros then; says whether that was done.
///
/// # Safety
/// The range must consist of whole writable pages of a reservation, whose contents nobody needs.
pub(crate) unsafe fn discard(at: *mut u8, len: usize) -> bool {
    // SAFETY: the caller's promise. A failure (locked memory) leaves the memory as it is.
    unsafe { rustix::mm::madvise(at.cast(), len, rustix::mm::Advice::LinuxDontNeed) }.is_ok()
}

/// Prefers memory of `node` for the pages of a range that nobody has touched yet. Best effort.
///
/// # Safety
/// As [`make_writable`].
pub(crate) unsafe fn prefer_node(at: *mut u8, len: usize, node: u32) {
    const MPOL_PREFERRED: usize = 1;
    let mut mask = [0_u64; 16];
    let Some(word) = mask.get_mut(node as usize / 64) else { return };
    *word = 1 << (node % 64);
    // SAFETY: mbind changes the policy of a mapping of ours and reads `mask`, whose bits it is told. Its failure
    // leaves the default policy.
    unsafe {
        libc::syscall(libc::SYS_mbind, at, len, MPOL_PREFERRED, mask.as_ptr(), 64 * mask.len() + 1, 0_usize);
    }
}

/// Unmaps a reservation.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn release(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller gives the whole reservation up. Unmapping a whole mapping does not fail.
    let _ = unsafe { munmap(at.as_ptr().cast(), len) };
}

/// Reads the beginning of a small file, as sysfs has them.
pub(crate) fn read_file<'b>(path: &core::ffi::CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let read = rustix::io::read(&file, &mut *buffer).ok()?;
    buffer.get(..read)
}

/// One more than the highest CPU number the kernel can ever use for this system, from the size of its masks.
///
/// Unlike the files of sysfs, which containers replace, the kernel itself says so.
pub(crate) fn cpu_number_bound() -> u32 {
    let mut mask = [0_u64; 1024];
    // SAFETY: the kernel writes at most `size_of_val(&mask)` bytes there, and returns how many.
    let bytes =
        unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, size_of_val(&mask), mask.as_mut_ptr()) };
    match u32::try_from(bytes) {
        Ok(bytes) if bytes > 0 => bytes * 8,
        _ => 1024,
    }
}

/// Nanoseconds of the monotonic clock, from the vDSO.
pub(crate) fn monotonic_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Whether the word of 32 bits around `address` can be read. If the kernel does not tell, it is said to be so.
pub(crate) fn can_read(address: usize) -> bool {
    // Compares the word with 0, and moves no waiter, and wakes none, whether it is or not.
    can_access(libc::FUTEX_CMP_REQUEUE, word_around(address), word_around(address), 0)
}

/// Whether the word of 32 bits around `address` can be read and written: the kernel adds 0 to it, atomically. As [`can_read`].
pub(crate) fn can_write(address: usize) -> bool {
    // It would wake whoever waits on the first word, which is nobody; and, if the second is an unlikely number, one who waits on that, as a
    // futex may at any time.
    let nobody = AtomicU32::new(0);
    let add_nothing = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 0, libc::FUTEX_OP_CMP_EQ, -1999);
    can_access(libc::FUTEX_WAKE_OP, nobody.as_ptr().addr(), word_around(address), add_nothing)
}

const fn word_around(address: usize) -> usize {
    address & !(size_of::<u32>() - 1)
}

/// Whether a futex operation that wakes and moves none does anything but fault.
fn can_access(operation: i32, first: usize, second: usize, argument: i32) -> bool {
    const NONE: usize = 0;
    let _errno = ErrnoKept::new();
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: both operations leave the value of every word as it is. What cannot be accessed is an error.
    let answer = unsafe { libc::syscall(libc::SYS_futex, first, operation, NONE, NONE, second, argument) };
    // SAFETY: the calling thread's own.
    answer >= 0 || unsafe { *libc::__errno_location() } != libc::EFAULT
}
