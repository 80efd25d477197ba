//! The file behind shared slots, and behind whatever else processes share by CPU: what it begins with, and how it is mapped.
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
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::SharedError;
use super::locks::Own;
use crate::cpu;
use crate::sys;

const MAGIC: u64 = u64::from_ne_bytes(*b"perseqS1");
/// Of the layout of this module.
const VERSION: u32 = 1;
/// Slots −2 and −1.
const GUARDS: usize = 2;
/// What the header and the slots are multiples of: the largest page that Linux has.
const PAGE: usize = 64 * 1024;

/// What is in a file, the same for all members.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What its user calls it: of the items and the common part.
    pub layout: u64,
    /// Bytes of a slot.
    pub slot: u32,
    /// Bytes of the common part.
    pub common: u32,
    /// Binary logarithm of the distance of slots.
    pub shift: u32,
    /// How many members there can be at most.
    pub most: u32,
    /// What is done as soon as this process is a member, of this number. It may only do what a signal handler may.
    pub welcome: fn(&Map, u32),
    /// In the child of a fork it is at other addresses, and what the child has taken along of its parent leads to memory of its own.
    pub moves: bool,
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
pub struct Map {
    header: NonNull<Header>,
    slots: NonNull<u8>,
    shape: Shape,
}

fn failed(call: &'static str) -> impl Fn(Errno) -> SharedError {
    move |errno| SharedError::System(call, errno.raw_os_error())
}

/// Makes an anonymous file, whose size nobody can change when it is ready.
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

/// Makes an empty file one of this shape for so many members, all zero but for what is prepared. Then others can join.
pub(super) fn format(
    file: &OwnedFd,
    shape: Shape,
    members: u32,
    prepare: impl FnOnce(&Map, &OwnedFd) -> Result<(), SharedError>,
) -> Result<(), SharedError> {
    check_members(members, shape)?;
    fs::ftruncate(file, shape.file()).map_err(failed("ftruncate(2)"))?;
    find_room(file, 0, shape.header() as u64)?;
    let map = Map::new(file, shape)?;
    prepare(&map, file)?;
    let header = map.header();
    header.layout.store(shape.layout, Ordering::Relaxed);
    header.version.store(VERSION, Ordering::Relaxed);
    header.cpus.store(cpu::possible(), Ordering::Relaxed);
    header.slot.store(shape.slot, Ordering::Relaxed);
    header.common.store(shape.common, Ordering::Relaxed);
    header.shift.store(shape.shift, Ordering::Relaxed);
    header.members.store(members, Ordering::Relaxed);
    header.magic.store(MAGIC, Ordering::Release);
    Ok(())
}

fn check_members(members: u32, shape: Shape) -> Result<(), SharedError> {
    match (1..=shape.most).contains(&members) {
        true => Ok(()),
        false => Err(SharedError::Members { members, most: shape.most }),
    }
}

/// Has the file system find room for a part of a file: otherwise members would be killed by SIGBUS where there is none.
fn find_room(file: &OwnedFd, at: u64, bytes: u64) -> Result<(), SharedError> {
    let allocate = || fs::fallocate(file, fs::FallocateFlags::empty(), at, bytes);
    match rustix::io::retry_on_intr(allocate) {
        // This file system cannot promise anything.
        Err(Errno::OPNOTSUPP) => Ok(()),
        result => result.map_err(failed("fallocate(2)")),
    }
}

/// Maps a file that somebody has made, which must be of this shape.
pub(super) fn map(file: &OwnedFd, shape: Shape) -> Result<Map, SharedError> {
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
    let (layout, sizes) = (found.layout.load(Ordering::Relaxed), [&found.slot, &found.common, &found.shift]);
    if layout != shape.layout || sizes.map(load) != [shape.slot, shape.common, shape.shift] {
        return Err(SharedError::Layout { found: layout, wanted: shape.layout });
    }
    check_members(load(&found.members), shape)?;
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

    /// In the child of a fork: has another description of the same file, at the same addresses, or elsewhere if it [moves](Shape::moves).
    /// Where it was then, or if there is no file or that fails, is memory of this process, all zero: there gates are closed. Says
    /// whether it has the file. Async-signal-safe.
    ///
    /// # Safety
    /// There must be no other thread.
    pub(super) unsafe fn renew(&mut self, file: Option<&OwnedFd>) -> bool {
        if !self.shape.moves {
            // SAFETY: the caller's promise.
            return unsafe { self.replace(file) };
        }
        let elsewhere = file.and_then(|file| Self::new(file, self.shape).ok());
        // SAFETY: as above.
        unsafe { self.replace(None) };
        let moved = elsewhere.is_some();
        // What was here stays, for whoever has addresses in it.
        elsewhere.into_iter().for_each(|map| core::mem::forget(core::mem::replace(self, map)));
        moved
    }

    /// Has a file in its place, or memory of this process; says whether it is the file.
    ///
    /// # Safety
    /// As [`renew`](Self::renew).
    unsafe fn replace(&self, file: Option<&OwnedFd>) -> bool {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::FIXED);
        let parts = [
            (self.header.cast::<u8>(), self.shape.header(), 0),
            (self.slots, (cpu::possible() as usize) << self.shape.shift, self.shape.header() as u64),
        ];
        let replace = |(at, len, offset): (NonNull<u8>, usize, u64)| {
            let at = at.as_ptr().cast();
            let shared = |file| {
                // SAFETY: in the place of a mapping of ours, of which nobody has references now.
                unsafe { mmap(at, len, protection, flags | MapFlags::SHARED, file, offset) }.is_ok()
            };
            let private = |protection| {
                let flags = flags | MapFlags::PRIVATE | MapFlags::NORESERVE;
                // SAFETY: as above.
                unsafe { rustix::mm::mmap_anonymous(at, len, protection, flags) }
            };
            let is_shared = file.is_some_and(shared);
            if !is_shared {
                // Without memory for that, what cannot be touched: so no harm is done to others.
                let _ = private(protection).or_else(|_| private(ProtFlags::empty()));
            }
            is_shared
        };
        parts.map(replace) == [true; 2]
    }

    /// Allocates memory from a byte of the slots on.
    ///
    /// # Errors
    /// [`SharedError::System`], if there is not so much.
    pub fn allocate(&self, file: &OwnedFd, at: u64, bytes: u64) -> Result<(), SharedError> {
        find_room(file, self.shape.header() as u64 + at, bytes)?;
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

    /// Has one that can be had of the members become this process, if there is one.
    pub(super) fn take_member(&self, own: &Own) -> Result<Option<u32>, SharedError> {
        let member = own.take_one(self.members())?;
        member.into_iter().for_each(|member| (self.shape.welcome)(self, member));
        Ok(member)
    }

    /// How many members there can be.
    pub(super) fn members(&self) -> u32 {
        self.header().members.load(Ordering::Relaxed)
    }

    /// Slot 0.
    #[inline]
    #[must_use]
    pub fn slots(&self) -> NonNull<u8> {
        self.slots
    }

    /// The common part.
    #[must_use]
    pub fn common(&self) -> NonNull<u8> {
        // SAFETY: it comes after the header, in one mapping.
        unsafe { self.header.add(1) }.cast()
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
