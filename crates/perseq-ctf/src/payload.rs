//! The fields of an event as bytes, in a tracer's memory as in its files.
//!
//! One field after the other, without padding, in the byte order of the trace, which is the machine's own where it is recorded:
//!
//! | kind | bytes |
//! |---|---|
//! | integers, enumerations | the integer |
//! | floating-point numbers | as of IEEE 754 |
//! | `Bool` | one: 0 or 1 |
//! | `Str`, `Bytes` | the length as `u16`, then as many |
//!
//! The bytes may be anything, as memory may be that a crashed process has left: [`walk`] and [`Values`] read nothing outside of
//! them, take steps for each field and no more, and fail where they are no such fields. Only text is not looked at, and made UTF-8
//! where it is read.

use std::borrow::Cow;
use std::{error, fmt};

use crate::types::{ByteOrder, Enumeration, Field, Kind};

/// The bytes are not the fields that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not the fields of their type")
    }
}

impl error::Error for Malformed {}

/// The size in bytes of the fields that `bytes` begins with, in this machine's byte order.
///
/// # Errors
/// If it ends within them, or a `Bool` is neither 0 nor 1.
pub fn walk(fields: &[Field], bytes: &[u8]) -> Result<usize, Malformed> {
    walk_in(ByteOrder::NATIVE, fields, bytes)
}

/// [`walk`] in a byte order.
pub(crate) fn walk_in(order: ByteOrder, fields: &[Field], bytes: &[u8]) -> Result<usize, Malformed> {
    let mut rest = bytes;
    for field in fields {
        split(order, &field.kind, &mut rest)?;
    }
    Ok(bytes.len() - rest.len())
}

/// Takes the bytes of a value off the front, without those of a length.
fn split<'b>(order: ByteOrder, kind: &Kind, rest: &mut &'b [u8]) -> Result<&'b [u8], Malformed> {
    let size = match kind.fixed_size() {
        Some(size) => size,
        None => {
            let (length, after) = rest.split_first_chunk().ok_or(Malformed)?;
            *rest = after;
            usize::from(order.u16(*length))
        }
    };
    let (value, after) = rest.split_at_checked(size).ok_or(Malformed)?;
    if *kind == Kind::Bool && value[0] > 1 {
        return Err(Malformed);
    }
    *rest = after;
    Ok(value)
}

macro_rules! integers {
    ($($integer:ident),*) => {
        /// Integers out of bytes, and back.
        impl ByteOrder {
            $(pub(crate) fn $integer(self, bytes: [u8; size_of::<$integer>()]) -> $integer {
                match self {
                    Self::Little => $integer::from_le_bytes(bytes),
                    Self::Big => $integer::from_be_bytes(bytes),
                }
            })*
        }
    };
}

integers!(u16, u32, u64);

impl ByteOrder {
    /// Writes an integer into as many bytes as there are.
    pub(crate) fn put(self, value: u64, bytes: &mut [u8]) {
        let len = bytes.len();
        match self {
            Self::Little => bytes.copy_from_slice(&value.to_le_bytes()[..len]),
            Self::Big => bytes.copy_from_slice(&value.to_be_bytes()[8 - len..]),
        }
    }

    /// An integer of 1, 2, 4 or 8 bytes.
    pub(crate) fn unsigned(self, bytes: &[u8]) -> u64 {
        match *bytes {
            [byte] => byte.into(),
            [a, b] => self.u16([a, b]).into(),
            [a, b, c, d] => self.u32([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => self.u64([a, b, c, d, e, f, g, h]),
            // No kind has another size.
            _ => 0,
        }
    }

    /// A signed integer of 1, 2, 4 or 8 bytes.
    fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64_usize.saturating_sub(8 * bytes.len()).min(63);
        (self.unsigned(bytes) << unused).cast_signed() >> unused
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'b> {
    /// Of an unsigned integer of any size.
    Unsigned(u64),
    /// Of a signed integer of any size.
    Signed(i64),
    /// Of a [`Kind::F32`].
    F32(f32),
    /// Of a [`Kind::F64`].
    F64(f64),
    /// Of a [`Kind::Bool`].
    Bool(bool),
    /// Of a [`Kind::Str`]. What was not UTF-8 is U+FFFD.
    Str(Cow<'b, str>),
    /// Of a [`Kind::Bytes`].
    Bytes(&'b [u8]),
    /// Of an enumeration: the integer, and its name if it has one.
    Enum(i128, Option<&'b str>),
}

/// The fields that some bytes are, and their values: an iterator.
#[derive(Clone, Debug)]
pub struct Values<'b> {
    order: ByteOrder,
    fields: std::slice::Iter<'b, Field>,
    rest: &'b [u8],
}

impl<'b> Values<'b> {
    /// The fields that `bytes` begins with, in this machine's byte order.
    #[must_use]
    pub fn new(fields: &'b [Field], bytes: &'b [u8]) -> Self {
        Self::in_order(ByteOrder::NATIVE, fields, bytes)
    }

    /// The fields that `bytes` begins with, in a byte order.
    #[must_use]
    pub fn in_order(order: ByteOrder, fields: &'b [Field], bytes: &'b [u8]) -> Self {
        Self { order, fields: fields.iter(), rest: bytes }
    }

    /// The next field and its bytes, without those of a length.
    pub(crate) fn next_bytes(&mut self) -> Option<Result<(&'b Field, &'b [u8]), Malformed>> {
        let field = self.fields.next()?;
        let bytes = split(self.order, &field.kind, &mut self.rest);
        if bytes.is_err() {
            self.fields = [].iter();
        }
        Some(bytes.map(|bytes| (field, bytes)))
    }
}

impl<'b> Iterator for Values<'b> {
    type Item = Result<(&'b Field, Value<'b>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = self.order;
        Some(self.next_bytes()?.map(|(field, bytes)| (field, value(order, &field.kind, bytes))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.fields.len() > 0), Some(self.fields.len()))
    }
}

/// The value whose bytes [`split`] has taken.
pub(crate) fn value<'b>(order: ByteOrder, kind: &'b Kind, bytes: &'b [u8]) -> Value<'b> {
    match kind {
        Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => Value::Unsigned(order.unsigned(bytes)),
        Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => Value::Signed(order.signed(bytes)),
        Kind::F32 => Value::F32(f32::from_bits(order.unsigned(bytes) as u32)),
        Kind::F64 => Value::F64(f64::from_bits(order.unsigned(bytes))),
        Kind::Bool => Value::Bool(bytes[0] != 0),
        Kind::Str => Value::Str(String::from_utf8_lossy(bytes)),
        Kind::Bytes => Value::Bytes(bytes),
        Kind::Enum(enumeration) => {
            let value = match enumeration.signed {
                true => order.signed(bytes).into(),
                false => order.unsigned(bytes).into(),
            };
            Value::Enum(value, enumeration.label(value))
        }
    }
}

/// Why a value cannot be encoded as a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unencodable {
    /// It is of another kind, or out of the kind's range.
    Mismatch,
    /// It has more than 65 535 bytes.
    TooLong,
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mismatch => "the value is none of this kind",
            Self::TooLong => "the text or bytes are longer than 65535 bytes",
        })
    }
}

impl error::Error for Unencodable {}

/// Appends a value in a byte order. A tracer has faster ways where it knows kinds at compile time.
///
/// # Errors
/// If the value is none of this kind; nothing is appended then. The name of an enumeration's value is not looked at.
pub fn encode(order: ByteOrder, kind: &Kind, value: &Value<'_>, to: &mut Vec<u8>) -> Result<(), Unencodable> {
    let bits = match (kind, value) {
        (Kind::Str, Value::Str(text)) => return encode_bytes(order, text.as_bytes(), to),
        (Kind::Bytes, Value::Bytes(bytes)) => return encode_bytes(order, bytes, to),
        (Kind::U8, Value::Unsigned(value)) if u8::try_from(*value).is_ok() => *value,
        (Kind::U16, Value::Unsigned(value)) if u16::try_from(*value).is_ok() => *value,
        (Kind::U32, Value::Unsigned(value)) if u32::try_from(*value).is_ok() => *value,
        (Kind::U64, Value::Unsigned(value)) => *value,
        (Kind::I8, Value::Signed(value)) if i8::try_from(*value).is_ok() => truncated(*value, 1),
        (Kind::I16, Value::Signed(value)) if i16::try_from(*value).is_ok() => truncated(*value, 2),
        (Kind::I32, Value::Signed(value)) if i32::try_from(*value).is_ok() => truncated(*value, 4),
        (Kind::I64, Value::Signed(value)) => value.cast_unsigned(),
        (Kind::F32, Value::F32(value)) => value.to_bits().into(),
        (Kind::F64, Value::F64(value)) => value.to_bits(),
        (Kind::Bool, Value::Bool(value)) => u64::from(*value),
        (Kind::Enum(kind), Value::Enum(value, _)) if sized(kind) && kind.holds(*value) => {
            truncated(*value as i64, kind.size)
        }
        _ => return Err(Unencodable::Mismatch),
    };
    let Some(size) = kind.fixed_size() else { return Err(Unencodable::Mismatch) };
    let start = to.len();
    to.resize(start + size, 0);
    order.put(bits, &mut to[start..]);
    Ok(())
}

fn sized(enumeration: &Enumeration) -> bool {
    matches!(enumeration.size, 1 | 2 | 4 | 8)
}

/// The low bytes of a signed integer.
fn truncated(value: i64, size: u8) -> u64 {
    value.cast_unsigned() & (u64::MAX >> (64 - 8 * u32::from(size)))
}

fn encode_bytes(order: ByteOrder, bytes: &[u8], to: &mut Vec<u8>) -> Result<(), Unencodable> {
    let length = u16::try_from(bytes.len()).map_err(|_| Unencodable::TooLong)?;
    let mut prefix = [0; 2];
    order.put(length.into(), &mut prefix);
    to.extend(prefix);
    to.extend(bytes);
    Ok(())
}
