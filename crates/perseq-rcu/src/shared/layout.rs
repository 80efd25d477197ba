//! What is in the shared memory, and how it is mapped.
//!
//! ```text
//! header   what it is, how many CPUs and members, which phase new readers take
//! rows     for each member: the counts of its threads without sections, its process id
//! stripes  for each CPU: the counts of each member there, 128 bytes apart; stripes lie 64 KiB apart, as sections without gates
//!          demand (see [`Slots`](perseq::section::Slots))
//! ```
//!
//! All members must be of the same machine, so there is one byte order; the header says the version. Nothing in it is an address.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

use super::SharedError;
use crate::counts::{Apart, Beside, Counts};

const MAGIC: u64 = u64::from_ne_bytes(*b"perseqR1");
/// Of the layout.
const VERSION: u32 = 1;
/// Binary logarithm of the bytes of a stripe.
pub(super) const SHIFT: u32 = 16;
const STRIPE: usize = 1 << SHIFT;
/// So many have counts in a stripe.
pub(super) const MAX_MEMBERS: u32 = (STRIPE / size_of::<Apart<[Counts; 2]>>()) as u32;

#[repr(C)]
pub(super) struct Header {
    /// Written last.
    magic: AtomicU64,
    version: AtomicU32,
    cpus: AtomicU32,
    members: AtomicU32,
    /// Rows that were ever used.
    pub(super) used: AtomicU32,
    /// Until when, on the monotonic clock in nanoseconds, nobody switches phases again.
    pub(super) settled: AtomicU64,
    /// The phase that new readers take.
    pub(super) current: Apart<AtomicU32>,
}

/// What there is of a member beside its counts on CPUs.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Row {
    pub(super) beside: Apart<[Beside; 2]>,
    /// The process id of the member that has it or had it, for reports.
    pub(super) process: AtomicU32,
}

/// How much there is of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) cpus: u32,
    pub(super) members: u32,
}

impl Shape {
    /// Where the first stripe begins.
    const fn stripes(self) -> usize {
        (size_of::<Header>() + self.members as usize * size_of::<Row>()).next_multiple_of(STRIPE)
    }

    const fn len(self) -> usize {
        self.stripes() + self.cpus as usize * STRIPE
    }
}

/// A mapping of the shared memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    base: NonNull<u8>,
    pub(super) shape: Shape,
}

// SAFETY: an address that is valid as long as the process lives, of memory that is accessed atomically.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

/// Makes an anonymous file of the shape. Nobody can change its size afterwards.
pub(super) fn memfd(shape: Shape) -> Result<File, SharedError> {
    let failed = |error: rustix::io::Errno| SharedError::Io("memfd_create(2)", error.into());
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(rustix::fs::memfd_create("perseq-rcu", flags).map_err(failed)?);
    format(&file, shape)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(failed)?;
    Ok(file)
}

/// Makes an empty file one of the shape.
pub(super) fn format(file: &File, shape: Shape) -> Result<(), SharedError> {
    if shape.members == 0 || shape.members > MAX_MEMBERS {
        return Err(SharedError::Members(shape.members));
    }
    file.set_len(shape.len() as u64).map_err(|error| SharedError::Io("ftruncate(2)", error))?;
    allocate(file, shape).map_err(|error| SharedError::Io("fallocate(2)", error.into()))?;
    let map = map(file, shape)?;
    let header = map.header();
    header.version.store(VERSION, Ordering::Relaxed);
    header.cpus.store(shape.cpus, Ordering::Relaxed);
    header.members.store(shape.members, Ordering::Relaxed);
    header.magic.store(MAGIC, Ordering::Release);
    map.unmap();
    Ok(())
}

/// Has the file system find room for what is used of the file: otherwise members would be killed by SIGBUS where there is none.
fn allocate(file: &File, shape: Shape) -> rustix::io::Result<()> {
    let in_stripe = shape.members as usize * size_of::<Apart<[Counts; 2]>>();
    let stripes = (0..shape.cpus as usize).map(|cpu| (shape.stripes() + cpu * STRIPE, in_stripe));
    for (at, len) in std::iter::once((0, shape.stripes())).chain(stripes) {
        let allocate = || rustix::fs::fallocate(file, FallocateFlags::empty(), at as u64, len as u64);
        match rustix::io::retry_on_intr(allocate) {
            // This file system cannot promise anything.
            Err(rustix::io::Errno::OPNOTSUPP) => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}

/// The shape of what is in a file, if that is a domain for this machine.
pub(super) fn look(file: &File) -> Result<Shape, SharedError> {
    let len = file.metadata().map_err(|error| SharedError::Io("fstat(2)", error))?.len();
    if len < STRIPE as u64 {
        return Err(SharedError::NotADomain);
    }
    let map = map(file, Shape { cpus: 0, members: 0 })?;
    let header = map.header();
    let magic = header.magic.load(Ordering::Acquire);
    let version = header.version.load(Ordering::Relaxed);
    let shape =
        Shape { cpus: header.cpus.load(Ordering::Relaxed), members: header.members.load(Ordering::Relaxed) };
    map.unmap();
    if magic != MAGIC {
        return Err(SharedError::NotADomain);
    }
    if version != VERSION {
        return Err(SharedError::Version { found: version, wanted: VERSION });
    }
    let cpus = perseq::cpu::possible();
    if shape.cpus != cpus {
        return Err(SharedError::Cpus { found: shape.cpus, here: cpus });
    }
    if shape.members == 0 || shape.members > MAX_MEMBERS {
        return Err(SharedError::Members(shape.members));
    }
    if len != shape.len() as u64 {
        return Err(SharedError::Size { found: len, wanted: shape.len() as u64 });
    }
    Ok(shape)
}

/// Maps a file of the shape. Async-signal-safe, but for the errors.
pub(super) fn map(file: impl AsFd, shape: Shape) -> Result<Map, SharedError> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let base =
        unsafe { rustix::mm::mmap(std::ptr::null_mut(), shape.len(), protection, MapFlags::SHARED, file, 0) };
    let base = base.map_err(|error| SharedError::Io("mmap(2)", error.into()))?;
    let base = NonNull::new(base.cast()).ok_or(SharedError::Io("mmap(2)", io::ErrorKind::Other.into()))?;
    Ok(Map { base, shape })
}

impl Map {
    pub(super) fn header(&self) -> &'static Header {
        // SAFETY: a mapping begins with a header, which is atomic throughout. It is unmapped only where no member has it.
        unsafe { self.base.cast().as_ref() }
    }

    /// Row `member`, if there is one.
    pub(super) fn row(&self, member: u32) -> Option<&'static Row> {
        if member >= self.shape.members {
            return None;
        }
        // SAFETY: inside the mapping, which no process unmaps while it is used, and atomic throughout.
        Some(unsafe { self.base.add(size_of::<Header>()).cast::<Row>().add(member as usize).as_ref() })
    }

    /// The counts of a phase of a member on a CPU, of which there are so many.
    pub(super) fn counts(&self, member: u32, phase: usize, cpu: u32) -> *mut Counts {
        let stripe = self.base.as_ptr().wrapping_add(self.shape.stripes() + ((cpu as usize) << SHIFT));
        stripe.cast::<Apart<[Counts; 2]>>().wrapping_add(member as usize).cast::<Counts>().wrapping_add(phase)
    }

    /// As [`counts`](Self::counts), on each CPU.
    pub(super) fn each(&self, member: u32, phase: usize) -> impl Iterator<Item = *mut Counts> + use<> {
        let map = *self;
        (0..map.shape.cpus).map(move |cpu| map.counts(member, phase, cpu))
    }

    pub(super) fn unmap(self) {
        // SAFETY: the whole of a mapping that nobody uses any more. That does not fail.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.shape.len()) };
    }

    /// Puts memory of this process in the place of the mapping, for whoever still has addresses in it. Async-signal-safe.
    ///
    /// # Safety
    /// There must be no other thread.
    pub(super) unsafe fn detach(self) {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let (at, len) = (self.base.as_ptr().cast(), self.shape.len());
        // SAFETY: it replaces a mapping of ours, which holds words for any value.
        if unsafe { rustix::mm::mmap_anonymous(at, len, protection, flags) }.is_err() {
            // Without memory for that at least no harm is done to others.
            self.unmap();
        }
    }
}
