//! What is in the shared memory, and the place of a member in it.
//!
//! ```text
//! common part   which phase new readers take
//! slots         on each CPU, for each member: its counts there, 128 bytes apart; slots lie 64 KiB apart, as sections without gates
//!               demand (see [`Slots`](perseq::section::Slots)). On CPU 0, besides, its *row*: the counts of its threads without
//!               sections, and its process id
//! ```
//!
//! Nothing in it is an address.

use std::os::fd::OwnedFd;
use std::process;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use perseq::shared::file::{Map, Shape};
use perseq::shared::{Membership, SharedError};

use crate::counts::{Apart, Beside, Counts};

/// The file of a domain.
pub(super) const SHAPE: Shape = Shape {
    layout: u64::from_ne_bytes(*b"perseqR2"),
    slot: size_of::<Slot>() as u32,
    common: size_of::<Common>() as u32,
    shift: 16,
    most: MEMBERS as u32,
    welcome,
    // Guards that are taken along do not count where the parent does.
    moves: true,
};

/// So many members have room in a slot of 64 KiB.
const MEMBERS: usize = 512;

/// What members have on a CPU.
type Slot = [Apart<Part>; MEMBERS];
const _: () = assert!(size_of::<Slot>() == 1 << 16);

#[repr(C)]
#[derive(Debug)]
pub(super) struct Common {
    /// Rows that were ever used.
    used: AtomicU32,
    /// Until when, on the monotonic clock in nanoseconds, nobody switches phases again.
    pub(super) settled: AtomicU64,
    /// The phase that new readers take.
    pub(super) current: Apart<AtomicU32>,
}

/// What a member has on a CPU.
#[repr(C)]
struct Part {
    counts: [Counts; 2],
    row: Row,
}

/// What there is of a member beside its counts on CPUs.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Row {
    pub(super) beside: [Beside; 2],
    /// The process id of the member that has it or had it, for reports.
    pub(super) process: AtomicU32,
}

/// Has the file system find room for what so many members use of a new file.
pub(super) fn allocate(members: u32) -> impl FnOnce(&Map, &OwnedFd) -> Result<(), SharedError> {
    let bytes = u64::from(members) * size_of::<Apart<Part>>() as u64;
    move |map, file| {
        let mut cpus = 0..u64::from(perseq::cpu::possible());
        cpus.try_for_each(|cpu| map.allocate(file, cpu << SHAPE.shift, bytes))
    }
}

/// What a reader needs, in one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The counts of this process of phase 0 on CPU 0.
    pub(super) counts: NonNull<Counts>,
    pub(super) common: &'static Common,
    slots: NonNull<Slot>,
    pub(super) member: u32,
}

// SAFETY: references, and addresses of memory that sections of this process add to, that is atomic otherwise, and that stays.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    /// That of this process, if it is a member; the membership is never given up. Async-signal-safe.
    pub(super) fn of(membership: &Membership) -> Option<Self> {
        Self::in_map(membership.map(), membership.member()?)
    }

    fn in_map(map: &Map, member: u32) -> Option<Self> {
        let slots = map.slots().cast();
        let counts = NonNull::new(part(slots, member, 0))?.cast();
        // SAFETY: it stays mapped as long as the process lives, or other memory is in its place; and is atomic throughout.
        let common = unsafe { map.common().cast().as_ref() };
        Some(Self { counts, common, slots, member })
    }

    /// All that there are, and maybe some that are gone.
    pub(super) fn members(&self) -> impl Iterator<Item = u32> + use<> {
        // Others wrote the number.
        0..self.common.used.load(Ordering::Relaxed).min(SHAPE.most)
    }

    /// The row of a member.
    pub(super) fn row(&self, member: u32) -> &'static Row {
        // SAFETY: inside the mapping, which stays, and atomic throughout.
        unsafe { &(*part(self.slots, member, 0)).row }
    }

    /// The counts of a phase of a member on each CPU.
    pub(super) fn each(&self, member: u32, phase: usize) -> impl Iterator<Item = *mut Counts> + use<> {
        let slots = self.slots;
        let on = move |cpu| part(slots, member, cpu).cast::<Counts>().wrapping_add(phase);
        (0..perseq::cpu::possible()).map(on)
    }

    /// Clears the counts of a member. Either the caller has taken its row; or judges it: then others may do so at the same time, which
    /// does no harm.
    pub(super) fn clear(&self, member: u32) {
        self.row(member).beside.iter().for_each(Beside::clear);
        for counts in (0..2).flat_map(|phase| self.each(member, phase)) {
            // SAFETY: in the mapping, and nobody counts there: the member is gone, or has no readers yet.
            unsafe { Counts::clear(counts) };
        }
    }
}

/// Makes a row that of this process, before anybody reads in it.
fn welcome(map: &Map, member: u32) {
    let Some(place) = Place::in_map(map, member) else { return };
    place.clear(member);
    place.row(member).process.store(process::id(), Ordering::Relaxed);
    place.common.used.fetch_max(member + 1, Ordering::SeqCst);
}

/// What a member has on a CPU: both numbers must be of ones that there can be.
fn part(slots: NonNull<Slot>, member: u32, cpu: u32) -> *mut Part {
    slots.as_ptr().wrapping_add(cpu as usize).cast::<Apart<Part>>().wrapping_add(member as usize).cast()
}
