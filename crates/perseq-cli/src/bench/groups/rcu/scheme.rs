//! What the contestants of the group are to its rows: schemes, each of which protects one published object.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use perseq::Counter;

use crate::bench::group::Op;
use crate::bench::hot::Sums;

/// What readers expect to find.
const WORD: u64 = 0x5eed;

/// An object that readers look at, of 64 bytes.
#[repr(C)]
pub struct Object {
    word: u64,
    freed: Option<&'static Freed>,
    rest: [u64; 6],
}

const _: () = assert!(size_of::<Object>() <= 64);

impl Object {
    /// An object that is not counted when it is freed.
    pub fn new() -> Self {
        Self { word: WORD, freed: None, rest: [0; 6] }
    }

    /// An object that is.
    pub fn counted(freed: &'static Freed) -> Self {
        Self { freed: Some(freed), ..Self::new() }
    }

    /// 1 if this is an object and not what is left of one, given what [`expected`] returns.
    #[inline(always)]
    pub fn is(&self, expected: usize) -> usize {
        usize::from(self.word as usize == expected)
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Object {
    #[inline]
    fn drop(&mut self) {
        // Spoils what a reader would find that still looks at it. SAFETY: the word is ours, and may hold any number.
        unsafe { (&raw mut self.word).write_volatile(0) };
        if let Some(freed) = self.freed {
            freed.counter.add(1);
        }
    }
}

/// The word to compare with, of which the compiler knows nothing.
pub fn expected() -> usize {
    crate::bench::arch::opaque(WORD as usize)
}

/// How many objects have been freed.
#[derive(Default)]
pub struct Freed {
    counter: Counter,
    /// Those that were freed by code that cannot use the counter, on one thread.
    pub elsewhere: AtomicU64,
}

impl Freed {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.counter.sum() + self.elsewhere.load(Relaxed)
    }
}

/// A way to protect an object from being freed while it is read. The loops that it makes are for the calling thread.
pub trait Scheme: Sync {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// A loop of read pairs: lock, load the pointer, compare a word of what it points to, unlock. It returns how often
    /// the word was found.
    fn reads(&'static self) -> Result<Sums, String>;

    /// Frees what has been deferred, or a part of it; an ordinary scheme frees by itself.
    ///
    /// # Safety
    /// No thread runs a loop of this scheme.
    unsafe fn settle(&'static self) {}
}

/// A scheme in which one can wait until all readers have gone that were there.
pub trait Waits: Scheme {
    /// A loop of waiting.
    fn waits(&'static self) -> Result<Op, String>;
}

/// A scheme that frees objects later, of whatever kind and number.
pub trait Defers: Scheme {
    /// A loop that makes an object and defers its freeing, which is counted in `freed`. At its end it hands over what
    /// the thread has gathered.
    fn defers(&'static self, freed: &'static Freed) -> Result<Op, String>;
}

/// A scheme in which the object can be replaced while it is read.
pub trait Replaces: Scheme {
    /// Publishes a new object and frees the old one when nobody reads it any more.
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String>;
}

/// A scheme in which objects pile up, or do not, behind a reader that does not go.
pub trait Holds: Scheme {
    /// Begins to read, and replaces or defers so many objects. What is returned ends the reading, if anything does; the memory of
    /// objects that have piled up is never used again.
    fn hold(&'static self, objects: u64) -> Result<Box<dyn std::any::Any>, String>;
}
