//! What must be done before the library that contains this code may be unloaded.
//!
//! A section leaves the address of its descriptor in `rseq_cs`; the kernel clears that when it next looks, which for a thread
//! that sleeps in a system call is when it wakes. If the descriptor's library is gone by then, the kernel kills the process. So
//! threads that have adopted libc's area stand in a roster, and the library's last act is to clear what those that still
//! live hold of it.
//!
//! Nobody is taken out of the roster when a thread ends: a hook for that would be code of this library, which may be
//! unmapped at that very moment. Instead, who reads an entry asks the kernel whether the thread lives, and touches its area
//! only by system calls that fail where memory is gone; entries of the dead are used again.
//!
//! The roster is kept only where it is needed: not in the main program, and not with areas of our own, which lie in the
//! library's thread-local storage, where no thread can unregister another's; such a library is kept for ever.
//!
//! Invariant: every living thread whose block points to libc's area has an entry; entries are changed under [`LOCK`].

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use perseq_abi::Rseq;

use crate::percpu::{Change, Gate, Owned};
use crate::registration::UNREGISTERED;
use crate::{arch, sys};

/// A thread and its area; thread 0 for an entry that is free.
#[derive(Clone, Copy)]
struct Entry {
    thread: u32,
    area: *mut Rseq,
}

/// Entries, in a page that is never unmapped.
struct Page {
    next: *mut Page,
    entries: [Entry; 255],
}

const _: () = assert!(size_of::<Page>() <= 4096);

/// Whether the roster is kept.
static KEPT: AtomicBool = AtomicBool::new(false);
static LOCK: Gate = Gate::open();
static PAGES: AtomicPtr<Page> = AtomicPtr::new(null_mut());

/// The address at which the object that contains `address` is loaded.
fn object_of(address: *const u8) -> Option<*mut libc::c_void> {
    let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked about; the answer is complete if the call says so.
    unsafe { (libc::dladdr(address.cast(), info.as_mut_ptr()) != 0).then(|| info.assume_init().dli_fbase) }
}

/// Keeps the roster, if this code is in an object other than the main program.
pub(super) fn prepare() {
    if cfg!(target_feature = "crt-static") {
        return;
    }
    // SAFETY: reads the auxiliary vector; 0 if there is no such entry.
    let program = unsafe { libc::getauxval(libc::AT_PHDR) };
    let program = object_of(core::ptr::with_exposed_provenance(program as usize));
    KEPT.store(program != object_of((&raw const KEPT).cast()), Ordering::Relaxed);
}

/// Keeps the object that contains this code loaded for ever.
pub(super) fn forbid() {
    #[cfg(not(target_feature = "crt-static"))]
    {
        let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: an address of ours and a place for the answer, whose name is then a C string; RTLD_NOLOAD loads nothing,
        // and the handle is kept on purpose.
        unsafe {
            if libc::dladdr((&raw const KEPT).cast(), info.as_mut_ptr()) != 0 {
                let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
                libc::dlopen(info.assume_init().dli_fname, flags);
            }
        }
    }
}

/// Puts the calling thread, which is about to use `area`, in the roster. Should there be no memory for it, the library
/// stays loaded.
pub(super) fn enter(area: *mut Rseq) {
    if !KEPT.load(Ordering::Relaxed) {
        return;
    }
    let me = Entry { thread: sys::thread_id(), area };
    let Ok(_owned) = Owned::acquire(&LOCK, Change::Single) else { return };
    let place = find(|entry| entry.thread == 0)
        .or_else(|| find(|entry| !sys::thread_exists(entry.thread)))
        .or_else(grow);
    match place {
        // SAFETY: pages are never unmapped, and entries are changed under the lock only.
        Some(place) => unsafe { place.write(me) },
        None => forbid(),
    }
}

/// The first entry for which `wanted` holds. The caller has the lock.
fn find(wanted: impl Fn(&Entry) -> bool) -> Option<NonNull<Entry>> {
    let mut at = PAGES.load(Ordering::Relaxed);
    // SAFETY: pages are never unmapped, and the lock makes us their only user.
    while let Some(page) = unsafe { at.as_mut() } {
        if let Some(entry) = page.entries.iter_mut().find(|entry| wanted(entry)) {
            return Some(NonNull::from(entry));
        }
        at = page.next;
    }
    None
}

/// Another page, of free entries; the first of them. The caller has the lock.
fn grow() -> Option<NonNull<Entry>> {
    let page: NonNull<Page> = sys::reserve(size_of::<Page>()).ok()?.cast();
    // SAFETY: fresh memory of zeros, which are free entries; it is ours until it is in the list.
    unsafe {
        sys::make_writable(page.as_ptr().cast(), size_of::<Page>()).ok()?;
        (*page.as_ptr()).next = PAGES.load(Ordering::Relaxed);
    }
    PAGES.store(page.as_ptr(), Ordering::Relaxed);
    find(|entry| entry.thread == 0)
}

/// Registers the fork handler; called once, at load time.
pub(super) fn prepare_for_fork() {
    extern "C" fn in_child() {
        // The forking thread is the only one left, and has a new name.
        let area = arch::thread_area();
        if area != UNREGISTERED.area() {
            enter(area);
        }
    }
    // SAFETY: the handler is a function of this library, which libc forgets if it is unloaded.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

/// Clears `rseq_cs` of a thread that may end at any moment, if it names something in the object loaded at `us`.
fn clear(area: *mut Rseq, us: Option<*mut libc::c_void>) {
    let mut held = 0_u64;
    // SAFETY: only an address is formed.
    let field = unsafe { &raw mut (*area).rseq_cs };
    let local = libc::iovec { iov_base: (&raw mut held).cast(), iov_len: 8 };
    let remote = libc::iovec { iov_base: field.cast(), iov_len: 8 };
    let ours = |held: u64| held != 0 && object_of(core::ptr::with_exposed_provenance(held as usize)) == us;
    // SAFETY: reads eight bytes of this process into `held`, or fails where they are not mapped any more.
    let read =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    if read == 8 && ours(held) {
        let nothing = 0_u64;
        let local = libc::iovec { iov_base: (&raw const nothing).cast_mut().cast(), iov_len: 8 };
        // SAFETY: writes eight zeros where a registered area was a moment ago, or fails. A thread that arms a section of
        // another library at this very moment would have that section finish unprotected.
        unsafe { libc::process_vm_writev(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    } else if read < 0 && was_refused() {
        // SAFETY: a filter forbids the calls; the thread was alive a moment ago, and its area with it.
        let cell = unsafe { AtomicU64::from_ptr(field) };
        let held = cell.load(Ordering::Relaxed);
        if ours(held) {
            let _ = cell.compare_exchange(held, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// Whether the last system call was refused, rather than told that memory is gone.
fn was_refused() -> bool {
    // SAFETY: the calling thread's errno.
    matches!(unsafe { *libc::__errno_location() }, libc::EPERM | libc::ENOSYS)
}

/// The last act of this object: its code and descriptors are about to be unmapped, and no thread runs them any more. (Or the
/// process ends, and it does no harm but to sections that are under way.)
#[used]
#[unsafe(link_section = ".fini_array.00099")]
static AT_UNLOAD: extern "C" fn() = {
    extern "C" fn at_unload() {
        if !KEPT.swap(false, Ordering::Relaxed) {
            return;
        }
        let us = object_of((&raw const KEPT).cast());
        let Ok(_owned) = Owned::acquire(&LOCK, Change::Single) else { return };
        let mut at = PAGES.load(Ordering::Relaxed);
        // SAFETY: as in `find`.
        while let Some(page) = unsafe { at.as_mut() } {
            for entry in page.entries.iter().filter(|entry| entry.thread != 0) {
                if sys::thread_exists(entry.thread) {
                    clear(entry.area, us);
                }
            }
            at = page.next;
        }
    }
    at_unload
};
