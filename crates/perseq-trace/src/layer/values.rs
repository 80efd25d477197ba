//! The fields of a record as bytes, as [`perseq_ctf::payload`] reads them: on the stack, and cut off where it ends.
//!
//! Invariant: behind the bytes there is room for a number in each field that may follow, so only text and bytes are cut off.

use std::fmt::{self, Debug, Write};
use std::mem::MaybeUninit;

use perseq_ctf::Kind;
use tracing_core::Field;
use tracing_core::field::Visit;

/// The most bytes.
const ROOM: usize = 4096;
/// The most fields that have types.
const FIELDS: usize = 32;

/// What each field is: four bits for one, 0 if it is not there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signature(u128);

/// What a field is, by its bits in a signature.
const KINDS: [Kind; 6] = [Kind::U64, Kind::I64, Kind::F64, Kind::Bool, Kind::Str, Kind::Bytes];
const U64: u8 = 1;
const I64: u8 = 2;
const F64: u8 = 3;
const BOOL: u8 = 4;
const STR: u8 = 5;
const BYTES: u8 = 6;

impl Signature {
    /// The indices of the fields that are there, and what they are.
    pub(super) fn fields(self) -> impl Iterator<Item = (usize, Kind)> {
        (0..FIELDS).filter_map(move |index| {
            let bits = (self.0 >> (4 * index)) as usize & 15;
            Some((index, KINDS.get(bits.wrapping_sub(1))?.clone()))
        })
    }
}

/// Where they are written. Aligned, so that a number early in it is in one line of the cache: one that is across two is slow to be read again.
#[repr(align(64))]
pub(super) struct Room([MaybeUninit<u8>; ROOM]);

impl Room {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([MaybeUninit::uninit(); ROOM])
    }
}

/// Fields as bytes.
pub(super) struct Values<'r> {
    signature: Signature,
    /// The index after that of the last field.
    next: usize,
    /// There are fields that a signature does not tell.
    other: bool,
    len: usize,
    bytes: &'r mut [MaybeUninit<u8>; ROOM],
}

impl<'r> Values<'r> {
    /// Of a few numbers, which precede the fields.
    #[inline]
    pub(super) fn new(room: &'r mut Room, ids: &[u64]) -> Self {
        debug_assert!(ids.len() <= 2);
        let mut values =
            Self { signature: Signature::default(), next: 0, other: false, len: 0, bytes: &mut room.0 };
        ids.iter().for_each(|id| values.put(id.to_ne_bytes()));
        values
    }

    /// What the fields are, if that can be told.
    #[inline]
    pub(super) fn signature(&self) -> Option<Signature> {
        (!self.other).then_some(self.signature)
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: so many were written.
        unsafe { self.bytes[..self.len].assume_init_ref() }
    }

    /// Appends a text that somebody writes.
    pub(super) fn text(&mut self, write: impl FnOnce(&mut Text<'_>)) {
        let start = self.len + 2;
        let end = self.end();
        let mut text = Text { room: &mut self.bytes[start..end], len: 0, full: false };
        write(&mut text);
        let len = text.len;
        self.put((len as u16).to_ne_bytes());
        self.len += len;
    }

    /// Where text has to end.
    fn end(&self) -> usize {
        ROOM - 8 * FIELDS.saturating_sub(self.next)
    }

    /// Begins a field of that kind, unless it is one that a signature does not tell.
    #[inline(always)]
    fn begin(&mut self, field: &Field, kind: u8) -> bool {
        let index = field.index();
        if index >= FIELDS || index < self.next {
            self.other = true;
            return false;
        }
        self.signature.0 |= u128::from(kind) << (4 * index);
        self.next = index + 1;
        true
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.len..self.len + N].write_copy_of_slice(&bytes);
        self.len += N;
    }

    #[inline(always)]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.put((bytes.len() as u16).to_ne_bytes());
        self.bytes[self.len..self.len + bytes.len()].write_copy_of_slice(bytes);
        self.len += bytes.len();
    }

    /// The most bytes of a text or of bytes.
    fn longest(&self) -> usize {
        self.end() - self.len - 2
    }
}

impl Visit for Values<'_> {
    #[inline]
    fn record_u64(&mut self, field: &Field, value: u64) {
        if self.begin(field, U64) {
            self.put(value.to_ne_bytes());
        }
    }

    #[inline]
    fn record_i64(&mut self, field: &Field, value: i64) {
        if self.begin(field, I64) {
            self.put(value.to_ne_bytes());
        }
    }

    #[inline]
    fn record_f64(&mut self, field: &Field, value: f64) {
        if self.begin(field, F64) {
            self.put(value.to_ne_bytes());
        }
    }

    #[inline]
    fn record_bool(&mut self, field: &Field, value: bool) {
        if self.begin(field, BOOL) {
            self.put([value.into()]);
        }
    }

    #[inline]
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.begin(field, STR) {
            self.put_slice(&value.as_bytes()[..value.floor_char_boundary(self.longest())]);
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if self.begin(field, BYTES) {
            self.put_slice(&value[..value.len().min(self.longest())]);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.begin(field, STR) {
            // An error is the value's own: what it has written is there.
            self.text(|text| {
                let _ = write!(text, "{value:?}");
            });
        }
    }
}

/// A text of bounded length. What is beyond is left out, which the writer does not learn: some panic of an error.
pub(super) struct Text<'b> {
    room: &'b mut [MaybeUninit<u8>],
    len: usize,
    full: bool,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.room[self.len..];
        let fits = if self.full { "" } else { &text[..text.floor_char_boundary(room.len())] };
        room[..fits.len()].write_copy_of_slice(fits.as_bytes());
        self.len += fits.len();
        self.full |= fits.len() < text.len();
        Ok(())
    }
}

/// All fields as one text, such as `number=7 text="some"`.
pub(super) struct Line<'t, 'b> {
    text: &'t mut Text<'b>,
    separator: &'static str,
}

impl<'t, 'b> Line<'t, 'b> {
    pub(super) fn new(text: &'t mut Text<'b>) -> Self {
        Self { text, separator: "" }
    }
}

impl Visit for Line<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.text, "{}{}={value:?}", self.separator, field.name());
        self.separator = " ";
    }
}
