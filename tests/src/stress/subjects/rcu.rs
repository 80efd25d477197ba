//! Readers that hold objects, and writers that poison what was replaced, after a grace period: whoever finds poison was not waited for.
//!
//! An object has a word that is odd while it may be read, and changes when it is poisoned and when it is used again, which is as late
//! as possible. So a reader that looks again and finds the same word had the object all the time.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use perseq_rcu::{Domain, GraceState, ReadGuard};

use super::super::Subject;
use crate::cpus::{allowed, move_to};

/// How writers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By `synchronize`.
    Synchronize,
    /// They do not; a callback poisons.
    Defer,
    /// They go on, and look at times whether the grace period is over.
    Poll,
    /// The control: not at all.
    Never,
}

/// Enough for all the callbacks that wait on a few CPUs where there is no worker.
const OBJECTS: usize = 1 << 14;
/// So many are left in peace, so that a poisoned one stays so for a while.
const POISONED: usize = 64;
/// Places where readers find objects.
const PLACES: usize = 4;
/// How long a writer waits for guards that are on their way to other threads, before it drops them.
const PARKED_FOR: Duration = Duration::from_millis(2);

/// What readers hold.
struct Held {
    object: usize,
    word: u64,
    _guard: ReadGuard,
}

/// A place for a guard on its way to another thread.
struct Parked {
    state: AtomicU32,
    held: UnsafeCell<MaybeUninit<Held>>,
}

const EMPTY: u32 = 0;
const BUSY: u32 = 1;
const FULL: u32 = 2;

// SAFETY: whoever made the state `BUSY` has what is held.
unsafe impl Sync for Parked {}

/// See the [module](self). Never freed: callbacks and children may have it.
pub struct Torture {
    way: Way,
    /// What is read and waited for.
    pub domain: &'static Domain,
    objects: Vec<AtomicU64>,
    places: [AtomicUsize; PLACES],
    parked: [Parked; 4],
    /// Which ones can be published, the longest poisoned first.
    free: Mutex<VecDeque<usize>>,
    polled: Mutex<VecDeque<(GraceState, usize)>>,
    turns: AtomicU64,
    read: AtomicU64,
    poisoned: AtomicU64,
    replaced: AtomicU64,
    cpus: Vec<u32>,
}

impl Torture {
    /// With a domain of its own.
    #[must_use]
    pub fn new(way: Way) -> &'static Self {
        let objects: Vec<AtomicU64> = (0..OBJECTS).map(|_| AtomicU64::new(0)).collect();
        objects[..PLACES].iter().for_each(|object| object.store(1, Ordering::Relaxed));
        let parked = || Parked { state: AtomicU32::new(EMPTY), held: UnsafeCell::new(MaybeUninit::uninit()) };
        Box::leak(Box::new(Self {
            way,
            domain: Box::leak(Box::new(Domain::new())),
            objects,
            places: std::array::from_fn(AtomicUsize::new),
            parked: std::array::from_fn(|_| parked()),
            free: Mutex::new((PLACES..OBJECTS).collect()),
            polled: Mutex::default(),
            turns: AtomicU64::new(0),
            read: AtomicU64::new(0),
            poisoned: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            cpus: allowed(),
        }))
    }

    /// How many readers found what they held poisoned.
    #[must_use]
    pub fn poisoned(&self) -> u64 {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// How many objects were replaced.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Whether its writers have grace periods.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.way != Way::Never
    }

    fn turn(&self) -> u64 {
        // Looks random enough, and no thread owns it.
        self.turns.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
    }

    fn enter(&self, turn: u64) -> Held {
        let guard = self.domain.read();
        let object = self.places[turn as usize % PLACES].load(Ordering::Acquire);
        Held { object, word: self.objects[object].load(Ordering::Relaxed), _guard: guard }
    }

    fn is_whole(&self, held: &Held) -> bool {
        held.word % 2 == 1 && self.objects[held.object].load(Ordering::Relaxed) == held.word
    }

    /// Leaves `held` for another thread; gives it back if there is no room.
    fn park(&self, place: u64, held: Held) -> Option<Held> {
        let parked = &self.parked[place as usize % self.parked.len()];
        if parked.state.compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Some(held);
        }
        // SAFETY: this thread made it busy.
        unsafe { (*parked.held.get()).write(held) };
        parked.state.store(FULL, Ordering::Release);
        None
    }

    fn unpark(&self, place: u64) -> Option<Held> {
        let parked = &self.parked[place as usize % self.parked.len()];
        parked.state.compare_exchange(FULL, BUSY, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: it was full, and this thread made it busy.
        let held = unsafe { (*parked.held.get()).assume_init_read() };
        parked.state.store(EMPTY, Ordering::Release);
        Some(held)
    }

    fn unpark_all(&self) {
        (0..self.parked.len()).for_each(|place| drop(self.unpark(place as u64)));
    }

    /// Reads, in one of many ways; whether what was held was whole all the time.
    fn read(&self) -> bool {
        let turn = self.turn();
        let held = self.enter(turn);
        match turn % 256 {
            0 => std::thread::sleep(Duration::from_micros(200)),
            1 => {
                // Leaves on another CPU.
                move_to(self.cpus[turn as usize / 256 % self.cpus.len()]);
            }
            2..32 => {
                // Nested, and not left in order.
                let inner = self.enter(turn / PLACES as u64);
                let outer = self.is_whole(&held);
                drop(held);
                (0..turn % 512).for_each(|_| std::hint::spin_loop());
                return self.is_whole(&inner) && outer;
            }
            32..40 => {
                let whole = self.is_whole(&held);
                let back = self.park(turn / 256, held);
                return back.is_none_or(|held| self.is_whole(&held)) && whole;
            }
            40..64 => {
                let other = self.unpark(turn / 256);
                return other.is_none_or(|held| self.is_whole(&held)) && self.is_whole(&held);
            }
            _ => (0..turn % 256).for_each(|_| std::hint::spin_loop()),
        }
        self.is_whole(&held)
    }

    /// Nobody can be reading it.
    fn poison(&self, object: usize) {
        self.objects[object].fetch_add(1, Ordering::Relaxed);
        // In the child of a fork the lock may be held for ever; there an object is lost.
        for _ in 0..1000 {
            if let Ok(mut free) = self.free.try_lock() {
                return free.push_back(object);
            }
            std::thread::yield_now();
        }
    }

    fn replace(&'static self) {
        let fresh = {
            let Ok(mut free) = self.free.try_lock() else { return };
            if free.len() < POISONED {
                return;
            }
            free.pop_front().expect("some are left")
        };
        self.objects[fresh].fetch_add(1, Ordering::Relaxed);
        let place = self.turn() as usize % PLACES;
        let old = self.places[place].swap(fresh, Ordering::AcqRel);
        self.replaced.fetch_add(1, Ordering::Relaxed);
        match self.way {
            Way::Never => self.poison(old),
            Way::Synchronize => {
                // What is parked may stay so when nobody reads any more.
                while self.domain.synchronize_within(PARKED_FOR).is_err() {
                    self.unpark_all();
                }
                self.poison(old);
            }
            Way::Defer => self.domain.defer(move || self.poison(old)),
            Way::Poll => {
                let state = self.domain.state();
                let Ok(mut polled) = self.polled.try_lock() else { return };
                polled.push_back((state, old));
                while let Some(&(state, object)) = polled.front()
                    && self.domain.poll(state)
                {
                    polled.pop_front();
                    self.poison(object);
                }
            }
        }
    }
}

impl Subject for &'static Torture {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Synchronize => "readers that are waited for",
            Way::Defer => "readers, and callbacks after them",
            Way::Poll => "readers, and writers that poll",
            Way::Never => "readers that nobody waits for",
        }
    }
    /// A reader.
    fn change(&self) -> u64 {
        let whole = u64::from(self.read());
        self.read.fetch_add(whole, Ordering::Relaxed);
        self.poisoned.fetch_add(1 - whole, Ordering::Relaxed);
        1
    }
    /// A writer, which is a reader too where that may be.
    fn change_on(&self, _cpu: u32) -> u64 {
        let _reading = (self.way == Way::Defer).then(|| self.domain.read());
        self.replace();
        0
    }
    /// A writer.
    fn take(&self) -> u64 {
        // Most of the time is for those that wait.
        let steps = match self.way {
            Way::Synchronize => 4,
            Way::Poll | Way::Never => 32,
            Way::Defer => 512,
        };
        (0..steps).for_each(|_| self.replace());
        0
    }
    fn sum(&self) -> u64 {
        self.unpark_all();
        self.domain.barrier();
        self.read.load(Ordering::Relaxed)
    }
}
