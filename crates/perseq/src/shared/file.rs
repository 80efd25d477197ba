//! The file behind shared slots: what it begins with, and how it is mapped.
//!
//! ```text
//! file:     header, the common part │ slot of CPU 0 │ slot of CPU 1 │ …          each 2^SHIFT bytes
//! memory:   header, the common part   │ slots −2, −1 │ slot of CPU 0 │ … │ closed, up to any number a CPU can have
//!                                      closed, not of the file
//! ```
//!
//! Invariant: the header is written once, its first word last. All members run on one machine, so there is one byte order, and one number
//! of possible CPUs.

use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::SharedError;
use crate::cpu;
use crate::sys;

const MAGIC: u64 = u64::from_ne_bytes(*b"perseqS1");
/// Of the layout of this module.
const VERSION: u32 = 1;
/// Slots −2 and −1.
const GUARDS: usize = 2;
/// What the header and the slots are multiples of: the largest page that Linux has.
const PAGE: usize = 64 * 1024;

/// What is in a file, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// What its user calls it: of the items and the common part.
    pub(super) layout: u64,
    /// Bytes of a slot, and of the common part.
    pub(super) slot: u32,
    pub(super) common: u32,
    /// Binary logarithm of the distance of slots.
    pub(super) shift: u32,
    pub(super) members: u32,
}

#[repr(C, align(128))]
struct Header {
    magic: AtomicU64,
    layout: AtomicU64,
    version: AtomicU32,
    cpus: AtomicU32,
    slot: AtomicU32,
    common: AtomicU32,
    shift: AtomicU32,
    members: AtomicU32,
}

impl Shape {
    const fn header(self) -> usize {
        (size_of::<Header>() + self.common as usize).next_multiple_of(PAGE)
    }

    fn file(self) -> u64 {
        self.header() as u64 + (u64::from(cpu::possible()) << self.shift)
    }
}

/// A file that is mapped.
#[derive(Debug)]
pub(super) struct Map {
    header: NonNull<Header>,
    /// Slot 0.
    pub(super) slots: NonNull<u8>,
    shape: Shape,
}

fn failed(call: &'static str) -> impl Fn(rustix::io::Errno) -> SharedError {
    move |errno| SharedError::System(call, errno.raw_os_error())
}

/// An anonymous file, whose size nobody can change when it is ready.
pub(super) fn memfd() -> Result<OwnedFd, SharedError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    fs::memfd_create(c"perseq", flags).map_err(failed("memfd_create(2)"))
}

pub(super) fn seal(file: &OwnedFd) -> Result<(), SharedError> {
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fs::fcntl_add_seals(file, seals).map_err(failed("fcntl(2), to seal"))
}

/// A new file.
pub(super) fn create(path: &CStr) -> Result<OwnedFd, SharedError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(failed("open(2)"))
}

/// A description of its own of a file.
pub(super) fn open(path: &CStr) -> Result<OwnedFd, SharedError> {
    fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(failed("open(2)"))
}

/// Another descriptor of an open file.
pub(super) fn duplicate(file: i32) -> Result<OwnedFd, SharedError> {
    if file < 0 {
        return Err(SharedError::System("fcntl(2)", libc::EBADF));
    }
    // SAFETY: borrowed for the call; a number that is not open is an error.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    rustix::io::fcntl_dupfd_cloexec(file, 0).map_err(failed("fcntl(2)"))
}

pub(super) fn remove(path: &CStr) {
    let _ = fs::unlink(path);
}

/// Makes an empty file one of this shape, all zero, and maps it. It is [ready](Map::ready) when the caller says so.
pub(super) fn format(file: &OwnedFd, shape: Shape) -> Result<Map, SharedError> {
    if shape.members == 0 || shape.members > super::member::MAX {
        return Err(SharedError::Members(shape.members));
    }
    fs::ftruncate(file, shape.file()).map_err(failed("ftruncate(2)"))?;
    // Of the header at least: where there is no memory for it, it is better to know.
    fs::fallocate(file, fs::FallocateFlags::empty(), 0, shape.header() as u64)
        .map_err(failed("fallocate(2)"))?;
    let map = Map::new(file, shape)?;
    let header = map.header();
    header.layout.store(shape.layout, Ordering::Relaxed);
    header.version.store(VERSION, Ordering::Relaxed);
    header.cpus.store(cpu::possible(), Ordering::Relaxed);
    header.slot.store(shape.slot, Ordering::Relaxed);
    header.common.store(shape.common, Ordering::Relaxed);
    header.shift.store(shape.shift, Ordering::Relaxed);
    header.members.store(shape.members, Ordering::Relaxed);
    Ok(map)
}

/// Maps a file that somebody has made, which must be of this shape, but for the members.
pub(super) fn map(file: &OwnedFd, wanted: Shape) -> Result<Map, SharedError> {
    let len = fs::fstat(file).map_err(failed("fstat(2)"))?.st_size.unsigned_abs();
    if len < PAGE as u64 {
        return Err(SharedError::NotShared);
    }
    let header = Mapping::new(file, PAGE)?;
    // SAFETY: a mapping of that length, of words that are accessed atomically.
    let found: &Header = unsafe { header.0.cast().as_ref() };
    let load = |word: &AtomicU32| word.load(Ordering::Relaxed);
    if found.magic.load(Ordering::Acquire) != MAGIC {
        return Err(SharedError::NotShared);
    }
    if load(&found.version) != VERSION {
        return Err(SharedError::Version { found: load(&found.version), wanted: VERSION });
    }
    if load(&found.cpus) != cpu::possible() {
        return Err(SharedError::Cpus { found: load(&found.cpus), here: cpu::possible() });
    }
    let shape = Shape {
        layout: found.layout.load(Ordering::Relaxed),
        slot: load(&found.slot),
        common: load(&found.common),
        shift: load(&found.shift),
        members: load(&found.members),
    };
    if (Shape { members: wanted.members, ..shape }) != wanted {
        return Err(SharedError::Layout { found: shape.layout, wanted: wanted.layout });
    }
    if shape.members == 0 || shape.members > super::member::MAX {
        return Err(SharedError::Members(shape.members));
    }
    if len != shape.file() {
        return Err(SharedError::Size { found: len, wanted: shape.file() });
    }
    Map::new(file, shape)
}

/// A mapping that is given back.
struct Mapping(NonNull<u8>, usize);

impl Mapping {
    /// The first bytes of a file.
    fn new(file: impl AsFd, len: usize) -> Result<Self, SharedError> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let at = unsafe { mmap(null_mut(), len, protection, MapFlags::SHARED, file, 0) };
        let at = at.map_err(failed("mmap(2)"))?;
        NonNull::new(at.cast()).map(|at| Self(at, len)).ok_or(SharedError::NotShared)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: a whole mapping, which nobody uses any more. That does not fail.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), self.1) };
    }
}

impl Map {
    /// Maps a file of this shape.
    fn new(file: &OwnedFd, shape: Shape) -> Result<Self, SharedError> {
        let header = Mapping::new(file, shape.header())?;
        let reserved = (GUARDS + cpu::bound() as usize) << shape.shift;
        let start = sys::reserve(reserved).map_err(|_| SharedError::System("mmap(2)", libc::ENOMEM))?;
        let slots = Mapping(start, reserved);
        // SAFETY: inside the reservation.
        let base = unsafe { start.add(GUARDS << shape.shift) };
        let len = (cpu::possible() as usize) << shape.shift;
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::FIXED);
        // SAFETY: in the place of a part of the reservation, which nobody uses yet.
        unsafe { mmap(base.as_ptr().cast(), len, protection, flags, file, shape.header() as u64) }
            .map_err(failed("mmap(2)"))?;
        core::mem::forget(slots);
        let map = Self { header: header.0.cast(), slots: base, shape };
        core::mem::forget(header);
        Ok(map)
    }

    fn header(&self) -> &Header {
        // SAFETY: mapped as long as this is there; its words are accessed atomically.
        unsafe { self.header.as_ref() }
    }

    /// Has another description of the same file in its place, at the same addresses; or memory of this process, all zero, if there is none or that
    /// fails: there gates are closed. Async-signal-safe.
    ///
    /// # Safety
    /// There must be no other thread.
    pub(super) unsafe fn replace(&self, file: Option<&OwnedFd>) {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::FIXED);
        let parts = [
            (self.header.cast::<u8>(), self.shape.header(), 0),
            (self.slots, (cpu::possible() as usize) << self.shape.shift, self.shape.header() as u64),
        ];
        for (at, len, offset) in parts {
            let at = at.as_ptr().cast();
            // SAFETY: in the place of a mapping of ours, of which nobody has references now.
            unsafe {
                let map = |file| mmap(at, len, protection, flags | MapFlags::SHARED, file, offset);
                if file.is_none_or(|file| map(file).is_err()) {
                    let _ = rustix::mm::mmap_anonymous(at, len, protection, flags | MapFlags::PRIVATE);
                }
            }
        }
    }

    /// Allocates memory from a byte of the slots on.
    pub(super) fn allocate(&self, file: &OwnedFd, at: u64, bytes: u64) -> Result<(), SharedError> {
        let start = self.shape.header() as u64 + at;
        fs::fallocate(file, fs::FallocateFlags::empty(), start, bytes).map_err(failed("fallocate(2)"))?;
        let place = self.slots.as_ptr().wrapping_add(at as usize);
        // SAFETY: a part of the mapping, of which nothing changes. Where the kernel cannot do it (before 5.14) pages come when they are touched.
        let _ = unsafe { madvise(place.cast(), bytes as usize, Advice::LinuxPopulateWrite) };
        Ok(())
    }

    /// Gives back memory from a byte of the slots on.
    pub(super) fn discard(&self, file: &OwnedFd, at: u64, bytes: u64) -> Result<(), SharedError> {
        let at = self.shape.header() as u64 + at;
        let flags = fs::FallocateFlags::PUNCH_HOLE | fs::FallocateFlags::KEEP_SIZE;
        fs::fallocate(file, flags, at, bytes).map_err(failed("fallocate(2)"))
    }

    /// How many members there can be.
    pub(super) fn members(&self) -> u32 {
        self.header().members.load(Ordering::Relaxed)
    }

    /// The common part.
    pub(super) fn common(&self) -> NonNull<u8> {
        // SAFETY: it comes after the header, in one mapping.
        unsafe { self.header.add(1) }.cast()
    }

    /// Lets others join.
    pub(super) fn ready(&self) {
        self.header().magic.store(MAGIC, Ordering::Release);
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let start = self.slots.as_ptr().wrapping_sub(GUARDS << self.shape.shift);
        let reserved = (GUARDS + cpu::bound() as usize) << self.shape.shift;
        drop(Mapping(self.header.cast(), self.shape.header()));
        drop(NonNull::new(start).map(|start| Mapping(start, reserved)));
    }
}
