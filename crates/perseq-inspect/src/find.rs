//! Where the critical sections of a file are.
//!
//! A section is known by its descriptor (`struct rseq_cs`). Three ways lead to descriptors, and all are gone:
//!
//! 1. `__rseq_cs_ptr_array` lists their addresses.
//! 2. `__rseq_cs` holds them, one after the other.
//! 3. Where linkers dropped the arrays or `strip` dropped the names: whatever looks like a descriptor, at a multiple of 32 bytes, and has
//!    the architecture's signature right before its `abort_ip`.
//!
//! `__rseq_exit_point_array` says where sections may branch to.

use std::collections::BTreeMap;

use crate::image::{CODE, Image};
use crate::{Error, Rule, Violation};

const DESCRIPTORS: &[u8] = b"__rseq_cs";
const ENTRIES: &[u8] = b"__rseq_cs_ptr_array";
const EXITS: &[u8] = b"__rseq_exit_point_array";
/// Bytes of a descriptor, and the multiple at which it lies.
pub(crate) const DESCRIPTOR: u64 = 32;
/// Where `abort_ip` is in a descriptor.
const ABORT_IP: u64 = 24;
/// How many flags the kernel ever knew.
const FLAGS: u32 = 3;
/// The largest programs have a few thousand.
const SECTIONS: usize = 1 << 15;
/// Bytes of all code in sections.
const ALL_CODE: u64 = 1 << 22;

/// What led to a critical section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Found {
    /// An entry of `__rseq_cs_ptr_array`.
    Listed,
    /// It is in `__rseq_cs`, but the file lists it nowhere.
    InSection,
    /// A descriptor whose `abort_ip` has the signature before it.
    BySignature,
}

/// A critical section: what its descriptor says, and what the file says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriticalSection {
    /// The address of the descriptor.
    pub descriptor: u64,
    /// Its `version`.
    pub version: u32,
    /// Its `flags`.
    pub flags: u32,
    /// The first instruction.
    pub start_ip: u64,
    /// Bytes from there to the end of the last instruction.
    pub post_commit_offset: u64,
    /// The abort handler.
    pub abort_ip: u64,
    /// What led to it.
    pub found: Found,
    /// Where the file says that it may branch to, by `__rseq_exit_point_array`, sorted; `None` if it says nothing.
    pub declared_exits: Option<Vec<u64>>,
}

impl CriticalSection {
    /// The end of the last instruction.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start_ip.saturating_add(self.post_commit_offset)
    }

    /// Whether an address is in the section.
    #[must_use]
    pub fn contains(&self, address: u64) -> bool {
        address.wrapping_sub(self.start_ip) < self.post_commit_offset
    }
}

/// The critical sections by address, and what is wrong with the arrays.
pub(crate) fn sections(image: &Image<'_>) -> Result<(Vec<CriticalSection>, Vec<Violation>), Error> {
    let mut found = BTreeMap::new();
    let mut violations = Vec::new();
    let mut add = |descriptor, how| {
        found.entry(descriptor).or_insert(how);
        if found.len() > SECTIONS { Err(Error::TooMuch("critical sections", SECTIONS)) } else { Ok(()) }
    };
    for entry in words(image, ENTRIES)?.into_iter().filter(|entry| *entry != 0) {
        if image.bytes(entry, DESCRIPTOR as usize).is_some() {
            add(entry, Found::Listed)?;
        } else {
            violations.push(Violation {
                rule: Rule::Arrays,
                at: entry,
                explanation: format!(
                    "an entry of __rseq_cs_ptr_array leads to {entry:#x}, where there is nothing"
                ),
            });
        }
    }
    for section in image.sections(DESCRIPTORS) {
        let all = section.data.len() as u64 / DESCRIPTOR;
        for at in 0..all {
            add(section.address.wrapping_add(at * DESCRIPTOR), Found::InSection)?;
        }
    }
    scan(image, &mut add)?;
    let mut exits = exits(image)?;
    exits.sort_unstable();
    let mut sections = Vec::new();
    let mut declared = 0;
    for (at, how) in found {
        let Some(section) = read(image, at, how, &exits) else { continue };
        // Several sections may begin at one place.
        declared += section.declared_exits.as_ref().map_or(0, Vec::len);
        if declared > 8 * SECTIONS {
            return Err(Error::TooMuch("exit points of critical sections", 8 * SECTIONS));
        }
        sections.push(section);
    }
    sections.sort_by_key(|section| (section.start_ip, section.descriptor));
    let code = sections.iter().map(|section| section.post_commit_offset.min(CODE)).sum::<u64>();
    if code > ALL_CODE {
        return Err(Error::TooMuch("bytes of code in critical sections", ALL_CODE as usize));
    }
    exits.dedup_by_key(|(start, _)| *start);
    for (start, exit) in exits {
        let after = sections.partition_point(|section| section.start_ip < start);
        if sections.get(after).is_none_or(|section| section.start_ip != start) {
            violations.push(Violation {
                rule: Rule::Arrays,
                at: start,
                explanation: format!(
                    "__rseq_exit_point_array lists the exit {exit:#x} of {start:#x}, where no section begins"
                ),
            });
        }
    }
    Ok((sections, violations))
}

/// The addresses in all sections of a name. In files of 32 bits some lay down one word for an address and some two, of which one
/// is zero and left out.
fn words(image: &Image<'_>, name: &[u8]) -> Result<Vec<u64>, Error> {
    let mut words = Vec::new();
    for section in image.sections(name) {
        for at in 0..section.data.len() as u64 / image.pointer {
            words.extend(
                image
                    .pointer_at(section.address.wrapping_add(at * image.pointer))
                    .filter(|word| image.pointer == 8 || *word != 0),
            );
            if words.len() > 8 * SECTIONS {
                return Err(Error::TooMuch("entries in arrays of critical sections", 8 * SECTIONS));
            }
        }
    }
    Ok(words)
}

/// `start_ip` and exit of each entry. One whose place linkers left empty begins with zero.
fn exits(image: &Image<'_>) -> Result<Vec<(u64, u64)>, Error> {
    let words = words(image, EXITS)?;
    let pairs = words.as_chunks::<2>().0.iter();
    Ok(pairs.map(|[start, exit]| (*start, *exit)).filter(|(start, _)| *start != 0).collect())
}

/// Adds what looks like a descriptor.
fn scan(image: &Image<'_>, add: &mut dyn FnMut(u64, Found) -> Result<(), Error>) -> Result<(), Error> {
    let mut consider = |descriptor: u64| {
        if looks_like_one(image, descriptor) { add(descriptor, Found::BySignature) } else { Ok(()) }
    };
    // Those in fixed places.
    for segment in image.segments() {
        let skip = (segment.address.wrapping_neg() % DESCRIPTOR) as usize;
        let aligned = segment.data.get(skip..).unwrap_or_default();
        for (at, bytes) in aligned.as_chunks::<{ DESCRIPTOR as usize }>().0.iter().enumerate() {
            let [.., abort_ip] = bytes.as_chunks::<8>().0 else { continue };
            if image.has_signature_before(image.u64_of(*abort_ip)) {
                consider(segment.address.wrapping_add((skip + at * DESCRIPTOR as usize) as u64))?;
            }
        }
    }
    // Those that the dynamic linker writes.
    for (place, value) in image.relocated() {
        let descriptor = place.wrapping_sub(ABORT_IP);
        if descriptor % DESCRIPTOR == 0 && image.has_signature_before(*value) {
            consider(descriptor)?;
        }
    }
    Ok(())
}

/// Two entries of `__rseq_exit_point_array` look much the same: the second may lead to an abort handler too. Their other words are
/// addresses, which these words of a descriptor are not.
fn looks_like_one(image: &Image<'_>, descriptor: u64) -> bool {
    read(image, descriptor, Found::BySignature, &[]).is_some_and(|section| {
        let is_number = |offset| !image.is_relocated(descriptor.wrapping_add(offset));
        section.version == 0
            && section.flags < 1 << FLAGS
            && [0, 4, 16, 20].into_iter().all(is_number)
            && (1..=CODE).contains(&section.post_commit_offset)
            && !section.contains(section.abort_ip)
            && image.has_signature_before(section.abort_ip)
            && [section.abort_ip, section.start_ip, section.end() - 1].into_iter().all(|at| image.is_code(at))
    })
}

fn read(image: &Image<'_>, descriptor: u64, found: Found, exits: &[(u64, u64)]) -> Option<CriticalSection> {
    let word = |offset| image.u64_at(descriptor.checked_add(offset)?);
    let start_ip = word(8)?;
    let declared = exits.get(exits.partition_point(|(start, _)| *start < start_ip)..).unwrap_or_default();
    let declared: Vec<_> =
        declared.iter().take_while(|(start, _)| *start == start_ip).map(|(_, exit)| *exit).collect();
    Some(CriticalSection {
        descriptor,
        version: image.u32_at(descriptor)?,
        flags: image.u32_at(descriptor.checked_add(4)?)?,
        start_ip,
        post_commit_offset: word(16)?,
        abort_ip: word(ABORT_IP)?,
        found,
        declared_exits: (!declared.is_empty()).then_some(declared),
    })
}
