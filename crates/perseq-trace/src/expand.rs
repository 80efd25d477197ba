//! What the macros expand to.

pub use std::borrow::Cow;

pub use perseq_ctf::{Enumeration, Kind, Text};

use crate::encode::Encode;
pub use crate::encode::Put;
use crate::site::Site;

/// The name that an identifier is, without what makes it one.
///
/// # Panics
/// At compile time, if it is longer than one in a trace.
#[must_use]
pub const fn name(identifier: &'static str) -> &'static str {
    let name = match identifier.as_bytes() {
        [b'r', b'#', ..] => identifier.split_at(2).1,
        _ => identifier,
    };
    assert!(name.len() < 256, "a name has at most 255 bytes");
    name
}

/// The name of a field.
///
/// # Panics
/// At compile time, if no trace can have it.
#[must_use]
pub const fn field_name(identifier: &'static str) -> &'static str {
    let name = name(identifier);
    assert!(name.is_ascii(), "the name of a field is ASCII");
    name
}

/// Whether fields of these names can be in one event: see [`perseq_ctf::Problem::Duplicate`].
#[must_use]
pub const fn differ(names: &[&str]) -> bool {
    let mut at = 0;
    while at < names.len() {
        let mut before = 0;
        while before < at {
            if is_same(names[at].as_bytes(), names[before].as_bytes()) {
                return false;
            }
            before += 1;
        }
        at += 1;
    }
    true
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = match (one, other) {
        ([b'_', longer @ ..], other) if longer.len() == other.len() => (longer, other),
        (one, [b'_', longer @ ..]) if longer.len() == one.len() => (one, longer),
        both => both,
    };
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The values of an event of a site that is to be recorded with an id: pairs of those before and the last.
#[derive(Clone, Copy, Debug)]
pub struct Values<V>(&'static Site, u32, V);

impl Values<()> {
    /// Those of an event without fields.
    #[inline(always)]
    #[must_use]
    pub fn of(site: &'static Site, id: u32) -> Self {
        Self(site, id, ())
    }
}

impl<V: Put> Values<V> {
    /// One more, which the compiler takes for one of that type.
    #[inline(always)]
    #[must_use]
    pub fn and<T: Encode>(self, value: T) -> Values<(V, T)> {
        Values(self.0, self.1, (self.2, value))
    }

    /// Records the event.
    #[inline(always)]
    pub fn record(self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        crate::emit::record(self.0, self.1, self.2.size(), |at| {
            // SAFETY: there is room for the sizes of all.
            unsafe { self.2.put(at) };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perseq_ctf::{EventType, Field, Level};

    #[test]
    fn names_differ_if_a_trace_can_have_them_in_one_event() {
        let names = ["x", "_x", "__x", "y", "_y_", "y_", "_", "__", "x1", ""];
        for one in names.iter().filter(|name| !name.is_empty()) {
            for other in names.iter().filter(|name| !name.is_empty()) {
                let field = |name: &&'static str| Field::new(name, Kind::U8);
                let fields = vec![field(one), Field::new("between", Kind::U8), field(other)].into();
                let event = EventType { fields, ..EventType::new("p", "n", Level::Info, &[]) };
                assert_eq!(differ(&[one, "between", other]), event.validate().is_ok(), "{one} {other}");
            }
        }
    }
}
