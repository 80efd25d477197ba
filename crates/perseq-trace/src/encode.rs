//! Values of fields, and how they are written: packed, in the byte order of the machine, as [`perseq_ctf::payload`] reads them.

use perseq_ctf::Kind;

/// The longest text or bytes; what is longer is cut off.
const LONGEST: usize = u16::MAX as usize;

mod sealed {
    pub trait Sealed {}
}

/// What a field of an event can be: integers, floats, `bool`, `str` and `[u8]`.
pub trait Encode: sealed::Sealed {
    /// What it is in a trace.
    const KIND: Kind;

    /// The bytes that it takes.
    fn size(&self) -> usize;

    /// Writes those bytes; the address after them.
    ///
    /// # Safety
    /// There must be room for them.
    unsafe fn put(&self, at: *mut u8) -> *mut u8;
}

macro_rules! plain {
    ($($type:ty: $kind:ident),*) => { $(
        impl sealed::Sealed for $type {}

        impl Encode for $type {
            const KIND: Kind = Kind::$kind;

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
    )* };
}

plain!(u8: U8, u16: U16, u32: U32, u64: U64, i8: I8, i16: I16, i32: I32, i64: I64, f32: F32, f64: F64, bool: Bool);

impl sealed::Sealed for [u8] {}

impl Encode for [u8] {
    const KIND: Kind = Kind::Bytes;

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

impl sealed::Sealed for str {}

impl Encode for str {
    const KIND: Kind = Kind::Str;

    #[inline]
    fn size(&self) -> usize {
        self.as_bytes().size()
    }

    #[inline]
    unsafe fn put(&self, at: *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { self.as_bytes().put(at) }
    }
}

impl<T: Encode + ?Sized> sealed::Sealed for &T {}

impl<T: Encode + ?Sized> Encode for &T {
    const KIND: Kind = T::KIND;

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
