//! An ELF file as it is in memory once it is loaded at address 0.
//!
//! In files that may be loaded anywhere the linker leaves addresses to the dynamic linker, as relocations; they are
//! looked up when a word is read, so that a pointer reads the same in every kind of file. Relocations whose addend stands
//! in its place (REL, RELR) need nothing: what stands there is the address already.
//!
//! Nothing that a header says is believed: every part is a slice of the file or an error, and what is kept is never larger
//! than the part of the file it comes from.

mod symbols;

use std::ops::Range;

use object::elf::{
    DT_NULL, DT_RELA, DT_RELASZ, ET_DYN, ET_EXEC, FileHeader32, FileHeader64, PF_X, PT_DYNAMIC, PT_LOAD,
    SHF_COMPRESSED,
};
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _, Rela as _, SectionHeader as _, Sym as _};
use object::{Endian as _, Endianness, FileKind, pod};

pub use self::symbols::Symbol;
use self::symbols::Symbols;
use crate::Error;
use crate::arch::{self, Arch, Target};

/// Segments beyond these are on purpose: every program has a handful.
const SEGMENTS: usize = 256;
/// Bytes of the longest name of a section that is looked for.
const LONGEST_SECTION: usize = 32;
/// No code of a critical section is longer.
pub(crate) const CODE: u64 = 1 << 16;

pub(crate) struct Image<'d> {
    pub(crate) arch: Arch,
    /// Bytes of an address.
    pub(crate) pointer: u64,
    pub(crate) endian: Endianness,
    pub(crate) position_independent: bool,
    /// Loaded segments.
    segments: Vec<Segment<'d>>,
    sections: Vec<Section<'d>>,
    /// Places and what the dynamic linker writes there, by place.
    relocated: Vec<(u64, u64)>,
    /// Where the sections are that are loaded, or else the segments, by address.
    parts: Vec<Range<u64>>,
    symbols: Symbols<'d>,
}

/// A loaded part.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'d> {
    pub(crate) address: u64,
    pub(crate) data: &'d [u8],
    executable: bool,
}

impl<'d> Segment<'d> {
    fn offset(&self, address: u64) -> Option<usize> {
        usize::try_from(address.checked_sub(self.address)?).ok().filter(|offset| *offset < self.data.len())
    }
}

/// A part with a name; not all are loaded.
pub(crate) struct Section<'d> {
    pub(crate) name: &'d [u8],
    pub(crate) address: u64,
    /// Empty if it is nothing in the file.
    pub(crate) data: &'d [u8],
}

impl<'d> Image<'d> {
    pub(crate) fn parse(data: &'d [u8]) -> Result<Self, Error> {
        match FileKind::parse(data) {
            Ok(FileKind::Elf32) => Self::read::<FileHeader32<Endianness>>(data),
            Ok(FileKind::Elf64) => Self::read::<FileHeader64<Endianness>>(data),
            _ => Err(Error::NotElf),
        }
    }

    fn read<H: FileHeader<Endian = Endianness>>(data: &'d [u8]) -> Result<Self, Error> {
        let file = H::parse(data).map_err(|_| Error::NotElf)?;
        let endian = file.endian().map_err(|_| Error::NotElf)?;
        let kind = file.e_type(endian);
        if kind != ET_EXEC && kind != ET_DYN {
            return Err(Error::NotLinked);
        }
        let machine = file.e_machine(endian).0;
        let target = Target {
            machine,
            wide: file.is_class_64(),
            big_endian: endian.is_big_endian(),
            flags: file.e_flags(endian).0,
        };
        let arch = arch::of(target).ok_or(Error::Architecture(machine))?;
        let headers = file.program_headers(endian, data).map_err(|_| Error::Malformed("program headers"))?;
        let mut segments = Vec::new();
        let mut dynamic = None;
        for header in headers {
            if header.p_type(endian) == PT_LOAD {
                let data = header.data(endian, data).map_err(|()| Error::Malformed("segments"))?;
                let executable = header.p_flags(endian).contains(PF_X);
                segments.push(Segment { address: header.p_vaddr(endian).into(), data, executable });
                if segments.len() > SEGMENTS {
                    return Err(Error::TooMuch("segments", SEGMENTS));
                }
            } else if header.p_type(endian) == PT_DYNAMIC {
                dynamic = Some(header);
            }
        }
        // They share pages of the file at their ends, and nothing more.
        let loaded: u128 = segments.iter().map(|segment| segment.data.len() as u128).sum();
        if loaded > 2 * data.len() as u128 {
            return Err(Error::Malformed("segments"));
        }
        let mut image = Self {
            arch,
            pointer: if file.is_class_64() { 8 } else { 4 },
            endian,
            position_independent: kind == ET_DYN,
            segments,
            sections: Vec::new(),
            relocated: Vec::new(),
            parts: Vec::new(),
            symbols: Symbols::default(),
        };
        if let Some(header) = dynamic {
            let entries = header.dynamic(endian, data).map_err(|_| Error::Malformed("dynamic section"))?;
            image.read_relocations::<H>(entries.unwrap_or_default())?;
        }
        image.read_sections(file, data)?;
        Ok(image)
    }

    /// Keeps relocations with an addend that need no other file.
    fn read_relocations<H: FileHeader<Endian = Endianness>>(
        &mut self,
        dynamic: &[H::Dyn],
    ) -> Result<(), Error> {
        let entries = dynamic.iter().take_while(|entry| entry.tag(self.endian) != DT_NULL);
        let (mut table, mut size) = (None, 0);
        for entry in entries {
            match entry.tag(self.endian) {
                DT_RELA => table = Some(entry.val(self.endian)),
                DT_RELASZ => size = entry.val(self.endian),
                _ => {}
            }
        }
        let Some(table) = table.filter(|_| size != 0) else { return Ok(()) };
        let bytes = usize::try_from(size).ok().and_then(|size| self.bytes(table, size));
        let bytes = bytes.ok_or(Error::Malformed("relocations"))?;
        let relocations = pod::slice_from_all_bytes::<H::Rela>(bytes);
        let relocations = relocations.map_err(|()| Error::Malformed("relocations"))?;
        let endian = self.endian;
        // Those that name no symbol store the address at which the file is loaded, here 0, and the addend. (Some others do
        // not: they concern no address in sections.)
        let alone = relocations.iter().filter(|relocation| relocation.r_sym(endian, false) == 0);
        self.relocated = alone
            .map(|relocation| {
                let addend: i64 = relocation.r_addend(endian).into();
                (relocation.r_offset(endian).into(), addend as u64)
            })
            .collect();
        self.relocated.sort_unstable();
        Ok(())
    }

    fn read_sections<H: FileHeader<Endian = Endianness>>(
        &mut self,
        file: &H,
        data: &'d [u8],
    ) -> Result<(), Error> {
        let malformed = |_| Error::Malformed("section headers");
        let endian = self.endian;
        let table = file.sections(endian, data).map_err(malformed)?;
        let strings = |index| {
            let section = table.section(index).ok()?;
            section.data(endian, data).ok()
        };
        let index = file.section_strings_index(endian, data).ok();
        let names = index.and_then(strings).unwrap_or_default();
        for section in table.iter() {
            let name = name_at(names, section.sh_name(endian), LONGEST_SECTION);
            // What is compressed is no content here, and nothing that counts is.
            let is_compressed = section.sh_flags(endian).contains(SHF_COMPRESSED);
            let data = if is_compressed { Ok(&[][..]) } else { section.data(endian, data) };
            if name.starts_with(b"__rseq") && data.is_err() {
                return Err(Error::Malformed("sections"));
            }
            let address = section.sh_addr(endian).into();
            self.sections.push(Section { name, address, data: data.unwrap_or_default() });
        }
        for kind in [object::elf::SHT_SYMTAB, object::elf::SHT_DYNSYM] {
            let symbols = table.symbols(endian, data, kind).map_err(|_| Error::Malformed("symbols"))?;
            if symbols.is_empty() {
                continue;
            }
            let names = strings(symbols.string_section()).unwrap_or_default();
            let functions = symbols.iter().filter(|symbol| {
                symbols::names_code(symbol.st_type())
                    && !symbol.is_undefined(endian)
                    && symbol.st_name(endian) != 0
            });
            let raw = functions.map(|symbol| symbols::Raw {
                address: symbol.st_value(endian).into(),
                size: symbol.st_size(endian).into(),
                name: symbol.st_name(endian),
            });
            self.symbols = Symbols::new(raw.collect(), names);
            break;
        }
        let range = |address: u64, data: &[u8]| address..address.saturating_add(data.len() as u64);
        let sections =
            self.sections.iter().filter(|section| section.address != 0 && !section.data.is_empty());
        self.parts = sections.map(|section| range(section.address, section.data)).collect();
        if self.parts.is_empty() {
            self.parts = self.segments.iter().map(|segment| range(segment.address, segment.data)).collect();
        }
        self.parts.sort_unstable_by_key(|part| part.start);
        Ok(())
    }

    pub(crate) fn segments(&self) -> &[Segment<'d>] {
        &self.segments
    }

    /// The sections of a name: one, unless they were kept apart by their linker.
    pub(crate) fn sections<'i>(&'i self, name: &'i [u8]) -> impl Iterator<Item = &'i Section<'d>> {
        self.sections.iter().filter(move |section| section.name == name)
    }

    /// Places that are relocated, and what is written there, by place.
    pub(crate) fn relocated(&self) -> &[(u64, u64)] {
        &self.relocated
    }

    /// What the file has in memory at an address, to the end of the segment.
    fn from(&self, address: u64) -> Option<(&'d [u8], bool)> {
        self.segments.iter().find_map(|segment| {
            let offset = segment.offset(address)?;
            Some((segment.data.get(offset..)?, segment.executable))
        })
    }

    pub(crate) fn bytes(&self, address: u64, len: usize) -> Option<&'d [u8]> {
        self.from(address)?.0.get(..len)
    }

    /// The code at an address, as long as there is any.
    pub(crate) fn code(&self, address: u64) -> Option<&'d [u8]> {
        self.from(address).filter(|(_, executable)| *executable).map(|(code, _)| code)
    }

    pub(crate) fn is_code(&self, address: u64) -> bool {
        self.code(address).is_some()
    }

    /// Whether the dynamic linker writes to a place.
    pub(crate) fn is_relocated(&self, place: u64) -> bool {
        self.relocated.binary_search_by_key(&place, |(place, _)| *place).is_ok()
    }

    fn u32_of(&self, bytes: [u8; 4]) -> u32 {
        if self.endian.is_big_endian() { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// A word in the order of the file's data.
    pub(crate) fn u64_of(&self, bytes: [u8; 8]) -> u64 {
        if self.endian.is_big_endian() { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }

    pub(crate) fn u32_at(&self, address: u64) -> Option<u32> {
        Some(self.u32_of(self.bytes(address, 4)?.try_into().ok()?))
    }

    /// A word as large as an address, relocated.
    pub(crate) fn pointer_at(&self, address: u64) -> Option<u64> {
        if let Ok(at) = self.relocated.binary_search_by_key(&address, |(place, _)| *place) {
            let mask = if self.pointer == 8 { u64::MAX } else { u32::MAX.into() };
            return self.relocated.get(at).map(|(_, value)| value & mask);
        }
        if self.pointer == 4 {
            return self.u32_at(address).map(u64::from);
        }
        Some(self.u64_of(self.bytes(address, 8)?.try_into().ok()?))
    }

    /// A word of 64 bits that may hold an address, relocated.
    pub(crate) fn u64_at(&self, address: u64) -> Option<u64> {
        if self.pointer == 8 {
            return self.pointer_at(address);
        }
        let halves = [self.pointer_at(address)?, self.pointer_at(address.checked_add(4)?)?];
        let [low, high] = if self.endian.is_big_endian() { [halves[1], halves[0]] } else { halves };
        Some(high << 32 | low)
    }

    /// Whether the architecture's signature stands right before an address.
    pub(crate) fn has_signature_before(&self, address: u64) -> bool {
        address.checked_sub(4).and_then(|at| self.bytes(at, 4)) == Some(&self.arch.signature)
    }

    /// The code whose last byte is before `end`, beginning no more than `reach` bytes before, in the same segment.
    pub(crate) fn code_before(&self, end: u64, reach: u64) -> Option<(u64, &'d [u8])> {
        let segment = self.segments.iter().find(|segment| segment.offset(end).is_some())?;
        let begin = end.saturating_sub(reach).max(segment.address);
        let range: Range<usize> = segment.offset(begin)?..segment.offset(end)?;
        segment.executable.then_some((begin, segment.data.get(range)?))
    }

    /// The function at an address, or the last one before it in a file whose symbols have no sizes.
    pub(crate) fn symbol(&self, address: u64) -> Option<Symbol> {
        self.symbols.find(address, &self.part(address))
    }

    /// Where the function at an address begins.
    pub(crate) fn function_start(&self, address: u64) -> Option<u64> {
        self.symbols.start(address, &self.part(address))
    }

    /// The section with an address, or the segment in a file that has no sections.
    fn part(&self, address: u64) -> Range<u64> {
        let after = self.parts.partition_point(|part| part.start <= address);
        let part = after.checked_sub(1).and_then(|before| self.parts.get(before));
        part.filter(|part| part.contains(&address)).cloned().unwrap_or_default()
    }
}

/// A name in a table of strings, cut off after `longest` bytes: what ends it may be far away, and many may begin before.
fn name_at(strings: &[u8], offset: u32, longest: usize) -> &[u8] {
    let from = strings.get(offset as usize..).unwrap_or_default();
    let from = from.get(..longest).unwrap_or(from);
    from.split(|byte| *byte == 0).next().unwrap_or_default()
}
