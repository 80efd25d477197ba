//! The library's operations of librseq: each on words of a slot, with what plain Rust makes of the same words.

use std::mem::offset_of;

use perseq::ops::{self, Order, Outcome};
use perseq::{ByCid, ByCpu, GatedIndex, PerCid, PerCpu};

/// What the operations work on.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The word that most operations commit to.
    pub v: isize,
    /// Another.
    pub v2: isize,
    /// Words to be found by following a pointer.
    pub chain: [isize; 3],
    /// Bytes to be copied to.
    pub bytes: [u8; 80],
}

impl Default for Words {
    fn default() -> Self {
        Self { v: 0, v2: 0, chain: [0; 3], bytes: [0; 80] }
    }
}

/// Bytes of a word.
const WORD: usize = size_of::<isize>();

/// Which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the library names them")]
pub enum Operation {
    LoadCbneStore,
    LoadCbeqStoreAddLoadStore,
    LoadAddStore,
    LoadAddLoadLoadAddStore,
    LoadCbneStoreStore,
    LoadCbneLoadCbneStore,
    LoadCbneMemcpyStore,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LoadCbneStore,
        Self::LoadCbeqStoreAddLoadStore,
        Self::LoadAddStore,
        Self::LoadAddLoadLoadAddStore,
        Self::LoadCbneStoreStore,
        Self::LoadCbneLoadCbneStore,
        Self::LoadCbneMemcpyStore,
    ];

    /// The operation follows `v`.
    #[must_use]
    pub fn follows(self) -> bool {
        matches!(self, Self::LoadCbeqStoreAddLoadStore | Self::LoadAddLoadLoadAddStore)
    }
}

/// An operation and its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The operation.
    pub operation: Operation,
    /// What `v` is expected to be, or not to be.
    pub expect: isize,
    /// What `v2` is expected to be.
    pub expect2: isize,
    /// What to store, or to add.
    pub newv: isize,
    /// What to store to `v2`.
    pub newv2: isize,
    /// Which word of the chain to find.
    pub at: usize,
    /// What to copy.
    pub bytes: [u8; 80],
    /// How much of it.
    pub len: usize,
}

impl Call {
    /// The same in plain Rust: changes `words`, and `load` if the operation stores there.
    pub fn model(&self, words: &mut Words, load: &mut isize) -> Outcome {
        let failed = match self.operation {
            Operation::LoadAddStore | Operation::LoadAddLoadLoadAddStore => false,
            Operation::LoadCbeqStoreAddLoadStore => words.v == self.expect,
            Operation::LoadCbneLoadCbneStore => words.v != self.expect || words.v2 != self.expect2,
            _ => words.v != self.expect,
        };
        if failed {
            return Outcome::CompareFailed;
        }
        match self.operation {
            Operation::LoadAddStore => words.v = words.v.wrapping_add(self.newv),
            // Whatever is in the chain then leads to `v2`.
            Operation::LoadAddLoadLoadAddStore => words.v2 = words.v2.wrapping_add(self.newv),
            Operation::LoadCbeqStoreAddLoadStore => {
                *load = words.v;
                words.v = words.chain[self.at];
            }
            Operation::LoadCbneStoreStore => (words.v2, words.v) = (self.newv2, self.newv),
            Operation::LoadCbneMemcpyStore => {
                words.bytes[..self.len].copy_from_slice(&self.bytes[..self.len]);
                words.v = self.newv;
            }
            _ => words.v = self.newv,
        }
        Outcome::Committed
    }
}

/// Words for each slot, and how commits to them are ordered.
#[derive(Debug)]
pub struct Operations<I: GatedIndex, O> {
    slots: PerCpu<Words, I>,
    order: O,
}

impl<O: Order + Copy> Operations<ByCpu, O> {
    /// By CPU number.
    #[must_use]
    pub fn by_cpu(order: O) -> Self {
        Self { slots: PerCpu::new(|_cpu| Words::default()), order }
    }
}

impl<O: Order + Copy> Operations<ByCid, O> {
    /// By concurrency id.
    #[must_use]
    pub fn by_cid(order: O) -> Self {
        Self { slots: PerCid::by_cid(|_cid| Words::default()), order }
    }
}

impl<I: GatedIndex, O: Order + Copy> Operations<I, O> {
    /// The slots.
    #[must_use]
    pub fn slots(&self) -> &PerCpu<Words, I> {
        &self.slots
    }

    /// Where the words of a slot are.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub fn words(&self, slot: u32) -> *mut Words {
        self.slots.item(slot).expect("a slot").as_ptr()
    }

    /// Sets the words of a slot. If `follow`, `v` leads to the chain, and each word of the chain to `v2`; gives the words.
    ///
    /// # Panics
    /// If the slot cannot be had.
    pub fn set(&self, slot: u32, mut words: Words, follow: bool) -> Words {
        let at = self.words(slot);
        if follow {
            words.v = at.wrapping_byte_add(offset_of!(Words, chain)) as isize;
            words.chain = [at.wrapping_byte_add(offset_of!(Words, v2)) as isize; 3];
        }
        self.slots.exclusive(slot, |item| *item = words).expect("a slot that nobody owns");
        words
    }

    /// The words of a slot.
    ///
    /// # Panics
    /// If the slot cannot be had.
    #[must_use]
    pub fn get(&self, slot: u32) -> Words {
        self.slots.exclusive(slot, |item| *item).expect("a slot that nobody owns")
    }

    /// Does what `call` says to `words`, if the thread is in slot `cpu`.
    ///
    /// # Safety
    /// If it is, they are the words of that slot, set so that they can be followed if the operation does.
    pub unsafe fn run(&self, call: &Call, words: *mut Words, load: &mut isize, cpu: u32) -> Outcome {
        let offset = (call.at * WORD) as isize;
        let Call { expect, expect2, newv, newv2, .. } = *call;
        // Only addresses are formed, as the words may be nowhere.
        let v: *mut isize = words.wrapping_byte_add(offset_of!(Words, v)).cast();
        let v2: *mut isize = words.wrapping_byte_add(offset_of!(Words, v2)).cast();
        let bytes: *mut u8 = words.wrapping_byte_add(offset_of!(Words, bytes)).cast();
        // SAFETY: the caller's promise; `load` and the bytes to be copied are our own.
        unsafe {
            match call.operation {
                Operation::LoadCbneStore => self.load_cbne_store(v, expect, newv, cpu),
                Operation::LoadCbeqStoreAddLoadStore => {
                    self.load_cbeq_store_add_load_store(v, expect, offset, load, cpu)
                }
                Operation::LoadAddStore => self.load_add_store(v, newv, cpu),
                Operation::LoadAddLoadLoadAddStore => self.load_add_load_load_add_store(v, offset, newv, cpu),
                Operation::LoadCbneStoreStore => self.load_cbne_store_store(v, expect, v2, newv2, newv, cpu),
                Operation::LoadCbneLoadCbneStore => {
                    self.load_cbne_load_cbne_store(v, expect, v2, expect2, newv, cpu)
                }
                Operation::LoadCbneMemcpyStore => {
                    self.load_cbne_memcpy_store(v, expect, bytes, &call.bytes[..call.len], newv, cpu)
                }
            }
        }
    }
}

/// Each of the library's operations in one place: `name(parameters) as its arguments`.
macro_rules! in_one_place {
    ($($name:ident($($parameter:ident: $ty:ty),*) as ($($argument:expr),*))*) => {
        impl<I: GatedIndex, O: Order + Copy> Operations<I, O> {
            $(
                /// The operation of this name.
                ///
                /// # Safety
                /// As there.
                #[inline(never)]
                pub unsafe fn $name(&self, $($parameter: $ty,)* cpu: u32) -> Outcome {
                    // SAFETY: the caller's promise.
                    unsafe { ops::$name(&self.slots, self.order, $($argument,)* cpu) }
                }
            )*
        }
    };
}

in_one_place! {
    load_cbne_store(v: *mut isize, expect: isize, newv: isize) as (v, expect, newv)
    load_cbeq_store_add_load_store(v: *mut isize, expectnot: isize, voffp: isize, load: &mut isize)
        as (v, expectnot, voffp, load)
    load_add_store(v: *mut isize, count: isize) as (v, count)
    load_add_load_load_add_store(ptr: *mut isize, off: isize, inc: isize) as (ptr, off, inc)
    load_cbne_store_store(v: *mut isize, expect: isize, v2: *mut isize, newv2: isize, newv: isize)
        as (v, expect, v2, newv2, newv)
    load_cbne_load_cbne_store(v: *mut isize, expect: isize, v2: *mut isize, expect2: isize, newv: isize)
        as (v, expect, v2, expect2, newv)
    load_cbne_memcpy_store(v: *mut isize, expect: isize, dst: *mut u8, src: &[u8], newv: isize)
        as (v, expect, dst, src.as_ptr(), src.len(), newv)
}
