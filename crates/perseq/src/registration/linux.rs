//! Registration on Linux.

mod unload;

use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, Ordering, compiler_fence};

use perseq_abi::slice::{self, SliceCtrl};
use perseq_abi::{Feature, ORIGINAL_SIZE, Rseq, auxv, known_bad_kernel, membarrier, sys};

use super::status::Owner;
use super::thread::{OWN_ROOM, Slice};
use super::{Reason, ThreadBlock, UNREGISTERED};
use crate::arch;
use crate::sys::SignalsHeld;

/// What the process does about registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// libc registers every thread.
    Libc,
    /// We register each thread when it first needs it.
    Own,
    /// No sections in this process.
    Off(Reason),
}

/// 0 until decided, then [`LIBC`], [`OWN`], or [`OFF`] plus the reason. Everything below is written before it.
static MODE: AtomicU8 = AtomicU8::new(0);
const LIBC: u8 = 1;
const OWN: u8 = 2;
const OFF: u8 = 16;

/// libc's area, relative to the thread pointer.
static LIBC_OFFSET: AtomicIsize = AtomicIsize::new(0);
/// Bytes that areas are registered with; 0 while it is not known with how many libc does it.
static REGISTERED: AtomicU32 = AtomicU32::new(0);
/// Bytes that the kernel maintains.
static FEATURE_SIZE: AtomicU32 = AtomicU32::new(0);
/// The pthread key whose destructor unregisters our own area, plus 1; 0 if there is none.
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);

/// Runs before `main` and before the constructors of most libraries, while the process has one thread: so that nothing
/// of this ever happens in a signal handler.
#[used]
#[unsafe(link_section = ".init_array.00099")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        // Without a thread block nobody knows who owns what, and forks cannot wait: gates are taken over.
        if arch::LOWERED {
            crate::percpu::prepare_for_fork();
            unload::prepare_for_fork();
        }
        find_libc_version();
        mode();
    }
    at_load
};

/// What this process does; decided on the first call. Async-signal-safe once decided.
fn mode() -> Mode {
    match MODE.load(Ordering::Acquire) {
        0 => decide(),
        LIBC => Mode::Libc,
        OWN => Mode::Own,
        off => Mode::Off(reason(off - OFF)),
    }
}

/// The inverse of `as u8`.
const fn reason(value: u8) -> Reason {
    match value {
        1 => Reason::Environment,
        3 => Reason::NoSyscall,
        4 => Reason::Forbidden,
        5 => Reason::Unknown,
        6 => Reason::BrokenKernel,
        7 => Reason::NoMembarrier,
        8 => Reason::Foreign,
        9 => Reason::Ending,
        10 => Reason::NoExitHook,
        _ => Reason::Target,
    }
}

/// Whether no section is ever run in this process. Async-signal-safe once decided.
pub(crate) fn is_off() -> bool {
    matches!(mode(), Mode::Off(_))
}

/// Of threads that decide at the same time, the first decides for all.
#[cold]
fn decide() -> Mode {
    let decided = match unavailable() {
        Some(reason) => Mode::Off(reason),
        None => {
            FEATURE_SIZE.store(auxv::feature_size(), Ordering::Relaxed);
            match libc_area() {
                Some((offset, size)) if size > 0 => {
                    LIBC_OFFSET.store(offset, Ordering::Relaxed);
                    unload::prepare();
                    Mode::Libc
                }
                _ => {
                    REGISTERED.store(own_length(), Ordering::Relaxed);
                    if create_exit_key() {
                        unload::forbid();
                        Mode::Own
                    } else {
                        Mode::Off(Reason::NoExitHook)
                    }
                }
            }
        }
    };
    let byte = match decided {
        Mode::Libc => LIBC,
        Mode::Own => OWN,
        Mode::Off(reason) => OFF + reason as u8,
    };
    match MODE.compare_exchange(0, byte, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => decided,
        Err(_) => mode(),
    }
}

/// Why no section can be run in this process, if so.
fn unavailable() -> Option<Reason> {
    if !arch::LOWERED {
        return Some(Reason::Target);
    }
    if environment_says_off() {
        return Some(Reason::Environment);
    }
    let uname = rustix::system::uname();
    if let (Ok(machine), Ok(release)) = (uname.machine().to_str(), uname.release().to_str())
        && known_bad_kernel(machine, release).is_some()
    {
        return Some(Reason::BrokenKernel);
    }
    match sys::available() {
        Ok(()) => {}
        Err(sys::Error::NoSys) => return Some(Reason::NoSyscall),
        Err(sys::Error::Perm) => return Some(Reason::Forbidden),
        Err(_) => return Some(Reason::Unknown),
    }
    // The query alone proves nothing: emulators pass it on to a kernel that knows nothing of their threads.
    if !membarrier::claimed() || membarrier::register().is_err() {
        return Some(Reason::NoMembarrier);
    }
    None
}

fn environment_says_off() -> bool {
    // SAFETY: the name is a C string. Reading the environment races with a program that changes it from another
    // thread; at load time there is none.
    let value = unsafe { libc::getenv(c"PERSEQ".as_ptr()) };
    // SAFETY: getenv gives null or a C string.
    !value.is_null() && unsafe { core::ffi::CStr::from_ptr(value) } == c"off"
}

/// `__rseq_offset` and `__rseq_size` of libc, if it has them.
fn libc_area() -> Option<(isize, u32)> {
    #[cfg(target_feature = "crt-static")]
    return arch::static_libc_area();
    #[cfg(not(target_feature = "crt-static"))]
    {
        // SAFETY: both names are C strings.
        let (offset, size) = unsafe {
            (
                libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()).cast::<isize>(),
                libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()).cast::<u32>(),
            )
        };
        if offset.is_null() || size.is_null() {
            return None;
        }
        // SAFETY: glibc exports both as constants of these types (`sys/rseq.h`), set before any of our code runs.
        Some(unsafe { (*offset, *size) })
    }
}

/// Bytes to register our own area with: all that the kernel maintains if there is room, else the original 32.
fn own_length() -> u32 {
    let (size, align) = (auxv::feature_size(), auxv::align());
    let whole = size.next_multiple_of(align.max(1));
    let fits = whole as usize <= OWN_ROOM && align as usize <= align_of::<ThreadBlock>();
    if size > ORIGINAL_SIZE && fits { whole } else { ORIGINAL_SIZE }
}

/// Whether the kernel maintains a field in the areas of this process.
pub(crate) fn has(feature: Feature) -> bool {
    feature.available(FEATURE_SIZE.load(Ordering::Relaxed), REGISTERED.load(Ordering::Relaxed))
}

/// Bytes that areas are registered with (0: not known yet), and bytes that the kernel maintains.
pub(crate) fn sizes() -> (u32, u32) {
    (REGISTERED.load(Ordering::Relaxed), FEATURE_SIZE.load(Ordering::Relaxed))
}

/// Makes the calling thread's block point to its registered area; says whether it does. Async-signal-safe.
#[cold]
pub(crate) fn adopt() -> bool {
    let Some(block) = arch::thread_block() else { return false };
    // SAFETY: the thread's own block, which lives as long as the thread and is shared with nobody.
    let block = unsafe { block.as_ref() };
    if block.area.get() != UNREGISTERED.area() {
        return true;
    }
    if block.refused.get() != 0 {
        return false;
    }
    // A handler that adopts in the middle of this would be overwritten. What cannot be held back (a fault's handler, an
    // allocator that `pthread_setspecific` calls) is refused meanwhile, and takes its slow path.
    let _signals = SignalsHeld::new();
    if block.area.get() != UNREGISTERED.area() {
        return true;
    }
    block.refused.set(ADOPTING);
    match obtain(block) {
        Ok(area) => {
            let by_cid =
                if has(Feature::MmCid) { offset_of!(Rseq, mm_cid) } else { offset_of!(Rseq, cpu_id) };
            block.index.set(by_cid);
            unload::enter(area);
            block.area.set(area);
            compiler_fence(Ordering::Release);
            block.refused.set(0);
            true
        }
        Err(reason) => {
            block.refused.set(reason as u8);
            false
        }
    }
}

/// `refused` of a thread that is being registered.
const ADOPTING: u8 = u8::MAX;

/// An area that the kernel has registered for the calling thread.
fn obtain(block: &ThreadBlock) -> Result<*mut Rseq, Reason> {
    let mode = mode();
    let area = match mode {
        Mode::Off(reason) => return Err(reason),
        Mode::Libc => verified_libc_area(),
        Mode::Own => register_own(block),
    };
    // SAFETY: an area that the kernel has registered for this thread, so it has written the fields.
    let believable =
        |area: &*mut Rseq| unsafe { (&raw const (**area).cpu_id).read_volatile() }.cast_signed() >= 0;
    let area = area.filter(believable).ok_or(Reason::Foreign)?;
    if mode == Mode::Own {
        // The hook unregisters it: without one, the kernel would write into memory that libc has given away.
        let key = EXIT_KEY.load(Ordering::Relaxed);
        // SAFETY: the key was created with this mode. Keys that are made while a program starts are among the first 32, which
        // live in the thread descriptor; for one of a library that is loaded late, glibc allocates.
        if unsafe { libc::pthread_setspecific(key - 1, area.cast_const().cast()) } != 0 {
            // SAFETY: the block does not point to it, so no section uses it.
            let _ = unsafe { sys::unregister(area, REGISTERED.load(Ordering::Relaxed)) };
            return Err(Reason::NoExitHook);
        }
    }
    Ok(area)
}

/// Where the calling thread asks for a time slice extension, if it may; the first call enables that. Async-signal-safe.
pub(crate) fn slice_ctrl() -> Option<NonNull<SliceCtrl>> {
    let block = arch::thread_block()?;
    // SAFETY: as in `adopt`.
    let block = unsafe { block.as_ref() };
    if block.slice.get() == Slice::Unknown {
        if !adopt() {
            // Not remembered: it may be that this thread is only not registered yet.
            return None;
        }
        let enabled = has(Feature::SliceCtrl) && slice::enable().is_ok();
        block.slice.set(if enabled { Slice::Enabled } else { Slice::Unavailable });
    }
    if block.slice.get() != Slice::Enabled {
        return None;
    }
    // SAFETY: the area that is registered for this thread; only an address in it is formed.
    NonNull::new(unsafe { &raw mut (*block.area.get()).slice_ctrl })
}

/// Who owns the calling thread's area, or why it has none.
pub(crate) fn owner() -> Result<Owner, Reason> {
    let active = adopt();
    match mode() {
        Mode::Off(reason) => Err(reason),
        Mode::Libc if active => Ok(Owner::Libc),
        Mode::Own if active => Ok(Owner::Perseq),
        // SAFETY: as in `adopt`.
        _ => Err(arch::thread_block()
            .map_or(Reason::Target, |block| reason(unsafe { block.as_ref() }.refused.get()))),
    }
}

/// libc's area of this thread, if the kernel confirms that it is registered.
fn verified_libc_area() -> Option<*mut Rseq> {
    let area: *mut Rseq = arch::thread_pointer().wrapping_offset(LIBC_OFFSET.load(Ordering::Relaxed)).cast();
    let known = REGISTERED.load(Ordering::Relaxed);
    if known != 0 {
        return sys::is_registered(area, known).then_some(area);
    }
    // With how many bytes libc registers differs between versions and distributions (32, or what the kernel maintains, to the byte),
    // and it does not say: the kernel confirms the right number.
    let likely = [ORIGINAL_SIZE, FEATURE_SIZE.load(Ordering::Relaxed)];
    let mut lengths = likely.into_iter().chain(ORIGINAL_SIZE + 1..=1024);
    let length = lengths.find(|&length| sys::is_registered(area, length))?;
    REGISTERED.store(length, Ordering::Relaxed);
    Some(area)
}

/// Registers the area in the thread block.
fn register_own(block: &ThreadBlock) -> Option<*mut Rseq> {
    let area: *mut Rseq = block.own.0.get().cast();
    let length = REGISTERED.load(Ordering::Relaxed);
    // SAFETY: the room belongs to this thread alone and is not registered, or its block would say so; the kernel wants zeros.
    unsafe { area.cast::<u8>().write_bytes(0, OWN_ROOM) };
    // SAFETY: aligned and long enough by `own_length`; it lives until the thread ends, and `leave` unregisters it
    // before libc may reuse the memory.
    unsafe { sys::register(area, length) }.ok()?;
    Some(area)
}

/// Arranges for [`leave`] to be called when a thread ends that has registered its area; says whether that can be done.
fn create_exit_key() -> bool {
    let mut key = 0;
    // SAFETY: writes the key on success.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(leave)) } != 0 {
        return EXIT_KEY.load(Ordering::Relaxed) != 0;
    }
    if EXIT_KEY.compare_exchange(0, key + 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        // SAFETY: ours, and nobody has used it.
        unsafe { libc::pthread_key_delete(key) };
    }
    true
}

/// Ends a thread's use of our own area for good: what it still does in destructors takes the slow path. The area is
/// unregistered with the length that was registered, since libc may unmap the memory while the thread still runs, and
/// the kernel would write into it.
unsafe extern "C" fn leave(_area: *mut libc::c_void) {
    let Some(block) = arch::thread_block() else { return };
    // SAFETY: as in `adopt`.
    let block = unsafe { block.as_ref() };
    block.refused.set(Reason::Ending as u8);
    block.slice.set(Slice::Unavailable);
    block.area.set(UNREGISTERED.area());
    compiler_fence(Ordering::Release);
    // SAFETY: no section of this thread uses the area any more, as the block no longer points to it. Should the
    // kernel refuse, the area stays registered until the thread is gone, as it would without us.
    let _ = unsafe { sys::unregister(block.own.0.get().cast(), REGISTERED.load(Ordering::Relaxed)) };
}

/// The version of the C library; null if it does not tell.
static LIBC_VERSION: AtomicPtr<libc::c_char> = AtomicPtr::new(core::ptr::null_mut());

/// Asks the C library for its version, at load time: a signal handler could not.
fn find_libc_version() {
    #[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
    {
        type Version = unsafe extern "C" fn() -> *const libc::c_char;
        // SAFETY: the name is a C string.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"gnu_get_libc_version".as_ptr()) };
        if !symbol.is_null() {
            // SAFETY: glibc's function of this name has this type and returns a constant string.
            let version = unsafe { core::mem::transmute::<*mut libc::c_void, Version>(symbol)() };
            LIBC_VERSION.store(version.cast_mut(), Ordering::Relaxed);
        }
    }
}

/// The version of the C library, for the report.
pub(crate) fn libc_version() -> Option<&'static core::ffi::CStr> {
    let version = LIBC_VERSION.load(Ordering::Relaxed);
    // SAFETY: null, or a constant string of libc.
    (!version.is_null()).then(|| unsafe { core::ffi::CStr::from_ptr(version) })
}
