//! The critical sections of the running binary.

use std::collections::HashSet;
use std::fmt;

use object::{Object, ObjectSection};
use perseq_abi::RseqCs;

use super::arch;
use super::names::{Name, Names};

/// Bytes that an instruction can have.
const LONGEST_INSTRUCTION: usize = 15;

/// A critical section in memory.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its descriptor.
    pub descriptor: RseqCs,
    /// Where that lies.
    pub descriptor_at: u64,
    /// Its instructions, in the order of their addresses.
    pub instructions: Vec<Instruction>,
    /// The first instruction after it, where it has taken effect.
    pub after: Instruction,
    /// Its sequence and its place in the source.
    pub name: Name,
}

/// An instruction of a section.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Its address.
    pub at: u64,
    /// What it says.
    pub text: String,
}

impl Section {
    /// The section that the descriptor at this address describes.
    ///
    /// # Safety
    /// There must be one, of code of this process.
    unsafe fn described(at: *const RseqCs, names: &Names) -> Self {
        // SAFETY: the caller's promise.
        let descriptor = unsafe { *at };
        let len = descriptor.post_commit_offset as usize;
        // SAFETY: the caller's promise: code is mapped, and nothing is trapped while sections are looked for. Behind every
        // section there is the way out.
        let code = unsafe {
            std::slice::from_raw_parts(descriptor.start_ip as *const u8, len + LONGEST_INSTRUCTION)
        };
        let end = descriptor.start_ip + descriptor.post_commit_offset;
        let mut instructions = arch::decode(code, descriptor.start_ip);
        instructions.truncate(instructions.partition_point(|instruction| instruction.at < end) + 1);
        let after = instructions.pop().expect("an instruction after the section");
        let name = names.name(descriptor.start_ip);
        Self { descriptor, descriptor_at: at as u64, instructions, after, name }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.text)
    }
}

/// Every section of the running binary, by address.
///
/// # Panics
/// If the binary cannot be read.
#[must_use]
pub fn find() -> Vec<Section> {
    let file = std::fs::read("/proc/self/exe").expect("this binary");
    let elf = object::File::parse(&*file).expect("this binary is an ELF file");
    // Where the kernel loaded it, against where the linker put it.
    let bias = entry_point().wrapping_sub(elf.entry());
    let Some(table) = elf.section_by_name("__rseq_cs_ptr_array") else { return Vec::new() };
    let at = table.address().wrapping_add(bias) as *const u64;
    let entries = table.size() as usize / size_of::<u64>();
    // SAFETY: the section is loaded (it is read at run time by debuggers), relocated, and changes no more. The linker
    // aligned it as its entries are, which have 64 bits on every machine.
    let table = unsafe { std::slice::from_raw_parts(at, entries) };
    let names = Names::of_this_binary(bias);
    let mut seen = HashSet::new();
    let mut sections: Vec<Section> = table
        .iter()
        .filter(|descriptor| seen.insert(**descriptor))
        // SAFETY: the table holds addresses of descriptors, and a descriptor describes code of this binary.
        .map(|&descriptor| unsafe { Section::described(descriptor as usize as *const RseqCs, &names) })
        .collect();
    sections.sort_by_key(|section| section.descriptor.start_ip);
    sections
}

/// The address at which the kernel started this program (`AT_ENTRY`), or the interpreter did.
fn entry_point() -> u64 {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_ENTRY) as usize as u64 }
}
