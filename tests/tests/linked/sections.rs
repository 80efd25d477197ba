//! The critical sections that a linked file lists, and whether the kernel, a debugger and a verifier can rely on them.

use std::collections::BTreeMap;
use std::ops::Range;

use perseq_abi::SIGNATURE;

use crate::elf::Image;

const DESCRIPTORS: &str = "__rseq_cs";
const HANDLERS: &str = "__rseq_failure";
const ENTRIES: &str = "__rseq_cs_ptr_array";
const EXITS: &str = "__rseq_exit_point_array";
/// Bytes of a `struct rseq_cs`.
const DESCRIPTOR: u64 = 32;

/// A `struct rseq_cs`.
struct Descriptor {
    version: u32,
    flags: u32,
    code: Range<u64>,
    abort_ip: u64,
}

pub(crate) struct Sections {
    /// By address.
    descriptors: BTreeMap<u64, Descriptor>,
    /// Addresses of descriptors.
    entries: Vec<u64>,
    /// `start_ip` of a section, and an address to which it may branch.
    exits: Vec<(u64, u64)>,
    /// How many signatures stand before handlers.
    signatures: usize,
}

impl Sections {
    /// # Panics
    /// If the file has none, or arrays that are not whole.
    pub(crate) fn read(image: &Image) -> Self {
        let words = |name: &str, bytes: u64| {
            let at = image.section(name).unwrap_or_else(|| panic!("there is no section {name}"));
            assert_eq!((at.end - at.start) % bytes, 0, "{name} consists of {bytes} bytes each");
            at.step_by(bytes as usize)
        };
        let word = |at| image.u64_at(at).expect("inside a section");
        let half = |at| image.u32_at(at).expect("inside a section");
        let descriptors = words(DESCRIPTORS, DESCRIPTOR).map(|at| {
            let start = word(at + 8);
            let code = start..start.wrapping_add(word(at + 16));
            (at, Descriptor { version: half(at), flags: half(at + 4), code, abort_ip: word(at + 24) })
        });
        let signature = SIGNATURE.to_le_bytes();
        Self {
            descriptors: descriptors.collect(),
            entries: words(ENTRIES, 8).map(word).collect(),
            exits: image
                .section(EXITS)
                .map_or(Vec::new(), |_| words(EXITS, 16).map(|at| (word(at), word(at + 8))).collect()),
            signatures: image.section_data(HANDLERS).windows(4).filter(|bytes| *bytes == signature).count(),
        }
    }

    /// The function of each section.
    pub(crate) fn functions<'i>(&self, image: &'i Image) -> Vec<&'i str> {
        let starts = self.descriptors.values().map(|descriptor| descriptor.code.start);
        starts.filter_map(|start| image.function_at(start)).collect()
    }

    /// The functions of sections that no entry of the array leads to.
    pub(crate) fn unlisted<'i>(&self, image: &'i Image) -> Vec<&'i str> {
        let unlisted = self.descriptors.iter().filter(|(at, _)| !self.entries.contains(at));
        unlisted.filter_map(|(_, descriptor)| image.function_at(descriptor.code.start)).collect()
    }

    /// What is wrong, each in one sentence.
    pub(crate) fn faults(&self, image: &Image) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        check(!self.descriptors.is_empty(), "there are no sections".into());
        check(
            self.signatures == self.descriptors.len(),
            format!("{} signatures for {} sections", self.signatures, self.descriptors.len()),
        );
        for entry in &self.entries {
            check(
                self.descriptors.contains_key(entry),
                format!("an entry leads to {entry:#x}, which is no descriptor"),
            );
        }
        for (at, descriptor) in &self.descriptors {
            let Descriptor { version, flags, code, abort_ip } = descriptor;
            let name = image.function_at(code.start).unwrap_or("code without a name");
            let entries = self.entries.iter().filter(|entry| *entry == at).count();
            check(entries == 1, format!("{name}: {entries} entries lead to its descriptor"));
            check((*version, *flags) == (0, 0), format!("{name}: version {version}, flags {flags:#x}"));
            check(!code.is_empty(), format!("{name}: the section is empty"));
            let code_at = |at: u64| image.is_code(at);
            check(code_at(code.start) && code_at(code.end - 1), format!("{name}: {code:x?} is no code"));
            check(code_at(*abort_ip), format!("{name}: the abort handler {abort_ip:#x} is no code"));
            check(!code.contains(abort_ip), format!("{name}: the abort handler is inside the section"));
            let before = image.u32_at(abort_ip.wrapping_sub(4));
            check(before == Some(SIGNATURE), format!("{name}: {before:x?} stands before the abort handler"));
            let mut exits =
                self.exits.iter().filter(|(start, _)| *start == code.start).map(|(_, target)| target);
            check(exits.clone().next().is_some(), format!("{name}: no exit is listed"));
            check(
                exits.all(|target| !code.contains(target) && code_at(*target)),
                format!("{name}: an exit leads into the section, or to no code"),
            );
        }
        for (start, _) in &self.exits {
            let known = self.descriptors.values().any(|descriptor| descriptor.code.start == *start);
            check(known, format!("an exit of {start:#x} is listed, where no section begins"));
        }
        faults
    }
}
