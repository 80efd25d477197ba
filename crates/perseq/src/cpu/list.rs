//! Sets of CPUs, read from the lists in sysfs (`0-3,8,10-11`).

use core::ffi::CStr;
use core::fmt;

use crate::sys;

const WORDS: usize = 128;

/// A set of CPU numbers below 8192.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CpuSet([u64; WORDS]);

impl CpuSet {
    /// The empty set.
    #[must_use]
    pub const fn empty() -> Self {
        Self([0; WORDS])
    }

    /// Adds a CPU; numbers from 8192 on are ignored, as no kernel has them.
    pub fn insert(&mut self, cpu: u32) {
        if let Some(word) = self.0.get_mut(cpu as usize / 64) {
            *word |= 1 << (cpu % 64);
        }
    }

    /// Whether the set contains `cpu`.
    #[must_use]
    pub fn contains(&self, cpu: u32) -> bool {
        self.0.get(cpu as usize / 64).is_some_and(|word| word >> (cpu % 64) & 1 == 1)
    }

    /// How many CPUs the set contains.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The highest CPU number in the set.
    #[must_use]
    pub fn highest(&self) -> Option<u32> {
        let at = self.0.iter().rposition(|&word| word != 0)?;
        Some(64 * u32::try_from(at).ok()? + self.0[at].ilog2())
    }

    /// The CPUs in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..64 * WORDS as u32).step_by(64).zip(self.0).filter(|&(_, word)| word != 0).flat_map(
            |(first, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit),
        )
    }

    /// Reads a list file of sysfs.
    pub(super) fn read(path: &CStr) -> Option<Self> {
        let mut buffer = [0; 4096];
        Self::parse(core::str::from_utf8(sys::read_file(path, &mut buffer)?).ok()?)
    }

    /// Parses `first[-last],…`; `None` if it is anything else.
    pub(super) fn parse(list: &str) -> Option<Self> {
        let mut set = Self::empty();
        for range in list.trim().split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            if first > last || last as usize >= WORDS * 64 {
                return None;
            }
            (first..=last).for_each(|cpu| set.insert(cpu));
        }
        Some(set)
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// `/sys/devices/system/node/node<n>/cpulist`, as a C string.
pub(super) fn node_path(node: u32) -> [u8; 64] {
    let mut path = [0; 64];
    let mut digits = [0; 10];
    let mut rest = node;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let parts = [b"/sys/devices/system/node/node".as_slice(), &digits[first..], b"/cpulist"];
    for (place, &byte) in path.iter_mut().zip(parts.into_iter().flatten()) {
        *place = byte;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ranges_are_read() {
        let set = CpuSet::parse("0-3,8,10-11\n").unwrap();
        assert_eq!(set.iter().collect::<std::vec::Vec<_>>(), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(set.highest(), Some(11));
        assert_eq!(set.count(), 7);
        assert_eq!(CpuSet::parse("\n").unwrap().highest(), None);
    }

    #[test]
    fn garbage_is_not_a_set() {
        for list in ["x", "3-1", "0-99999", "1-", "-", "1,,2x", "0-4294967296"] {
            assert!(CpuSet::parse(list).is_none(), "{list}");
        }
    }

    #[test]
    fn paths_of_nodes_are_c_strings() {
        for (node, path) in [
            (0, c"/sys/devices/system/node/node0/cpulist"),
            (127, c"/sys/devices/system/node/node127/cpulist"),
        ] {
            assert_eq!(CStr::from_bytes_until_nul(&node_path(node)).unwrap(), path);
        }
    }
}
