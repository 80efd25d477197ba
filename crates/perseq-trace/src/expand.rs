//! What the macros expand to.

pub use std::borrow::Cow;

pub use perseq_ctf::{Enumeration, Kind, Text};

#[cfg(all(target_os = "linux", not(miri)))]
pub use crate::emit::record;
pub use crate::encode::Sealed;

/// Where there are no rings no site is on.
#[cfg(not(all(target_os = "linux", not(miri))))]
#[inline(always)]
pub fn record(_id: u32, _size: usize, _put: impl FnOnce(*mut u8)) {}

/// The name that an identifier is, without what makes it one.
#[must_use]
pub const fn unraw(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', ..] => identifier.split_at(2).1,
        _ => identifier,
    }
}

/// The name of a field.
///
/// # Panics
/// At compile time, if no trace can have it.
#[must_use]
pub const fn field_name(identifier: &'static str) -> &'static str {
    let name = unraw(identifier);
    assert!(name.is_ascii() && name.len() < 256, "the name of a field is ASCII, of at most 255 characters");
    name
}

/// Has the compiler take a value for one of the type.
#[inline(always)]
pub fn typed<T>(value: T) -> T {
    value
}
