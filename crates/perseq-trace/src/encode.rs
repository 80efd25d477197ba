//! Values of fields, and how they are written: packed, in the byte order of the machine, as [`perseq_ctf::payload`] reads them.

use perseq_ctf::Kind;

/// The longest text or bytes; what is longer is cut off, a text before the letter that does not fit.
const LONGEST: usize = u16::MAX as usize;

/// What can be written into an event. Not for others to implement: [`Encode`] is not, either.
///
/// # Safety
/// [`put`](Self::put) writes as many bytes as [`size`](Self::size) says.
pub unsafe trait Put {
    /// The bytes that it takes.
    fn size(&self) -> usize;

    /// Writes those bytes; the address after them.
    ///
    /// # Safety
    /// There must be room for them.
    unsafe fn put(&self, at: *mut u8) -> *mut u8;
}

/// What a field of an event can be: integers, floats, `bool`, `str`, `[u8]` and an [`enumeration!`](crate::enumeration).
pub trait Encode: Put {
    /// What it is in a trace.
    const KIND: Kind;
}

macro_rules! plain {
    ($($type:ty: $kind:expr),*) => { $(
        // SAFETY: a value of the type is written.
        unsafe impl Put for $type {
            #[inline(always)]
            fn size(&self) -> usize {
                size_of::<Self>()
            }

            #[inline(always)]
            unsafe fn put(&self, at: *mut u8) -> *mut u8 {
                // SAFETY: the caller's promise.
                unsafe {
                    at.cast::<Self>().write_unaligned(*self);
                    at.add(size_of::<Self>())
                }
            }
        }

        impl Encode for $type {
            const KIND: Kind = $kind;
        }
    )* };
}

plain!(u8: Kind::U8, u16: Kind::U16, u32: Kind::U32, u64: Kind::U64, i8: Kind::I8, i16: Kind::I16, i32: Kind::I32);
plain!(i64: Kind::I64, f32: Kind::F32, f64: Kind::F64, bool: Kind::Bool);
plain!(usize: if size_of::<usize>() == 8 { Kind::U64 } else { Kind::U32 });
plain!(isize: if size_of::<isize>() == 8 { Kind::I64 } else { Kind::I32 });

// SAFETY: the length, and as many bytes as it says.
unsafe impl Put for [u8] {
    #[inline]
    fn size(&self) -> usize {
        2 + self.len().min(LONGEST)
    }

    #[inline]
    unsafe fn put(&self, at: *mut u8) -> *mut u8 {
        let len = self.len().min(LONGEST);
        // SAFETY: the caller's promise; `self` is somewhere else.
        unsafe {
            at.cast::<u16>().write_unaligned(len as u16);
            at.add(2).copy_from_nonoverlapping(self.as_ptr(), len);
            at.add(2 + len)
        }
    }
}

impl Encode for [u8] {
    const KIND: Kind = Kind::Bytes;
}

// SAFETY: as its bytes.
unsafe impl Put for str {
    #[inline]
    fn size(&self) -> usize {
        cut(self).size()
    }

    #[inline]
    unsafe fn put(&self, at: *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { cut(self).put(at) }
    }
}

impl Encode for str {
    const KIND: Kind = Kind::Str;
}

#[inline]
fn cut(text: &str) -> &[u8] {
    if text.len() <= LONGEST {
        text.as_bytes()
    } else {
        &text.as_bytes()[..text.floor_char_boundary(LONGEST)]
    }
}

// SAFETY: as what it refers to.
unsafe impl<T: Put + ?Sized> Put for &T {
    #[inline(always)]
    fn size(&self) -> usize {
        (**self).size()
    }

    #[inline(always)]
    unsafe fn put(&self, at: *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { (**self).put(at) }
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    const KIND: Kind = T::KIND;
}

// SAFETY: nothing is written.
unsafe impl Put for () {
    #[inline(always)]
    fn size(&self) -> usize {
        0
    }

    #[inline(always)]
    unsafe fn put(&self, at: *mut u8) -> *mut u8 {
        at
    }
}

// SAFETY: both are written, one behind the other.
unsafe impl<V: Put, T: Put> Put for (V, T) {
    #[inline(always)]
    fn size(&self) -> usize {
        self.0.size() + self.1.size()
    }

    #[inline(always)]
    unsafe fn put(&self, at: *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.1.put(self.0.put(at)) }
    }
}
