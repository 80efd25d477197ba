//! A linked ELF file as it is in memory once it is loaded at address 0.
//!
//! In files that may be loaded anywhere the linker leaves addresses to the dynamic linker, as relocations; they are applied
//! here, so that a pointer reads the same in every kind of file.

use std::fs;
use std::ops::Range;
use std::path::Path;

use object::elf::{
    ET_DYN, FileHeader64, PT_LOAD, R_X86_64_64, R_X86_64_RELATIVE, Rela64, SHF_EXECINSTR, STT_FUNC,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};
use object::{Endianness, pod};

const ENDIAN: Endianness = Endianness::Little;

pub(crate) struct Image {
    position_independent: bool,
    /// Address and content of each loaded segment.
    segments: Vec<(u64, Vec<u8>)>,
    sections: Vec<Section>,
    /// Names and addresses of functions.
    functions: Vec<(String, Range<u64>)>,
}

struct Section {
    name: String,
    at: Range<u64>,
    executable: bool,
    data: Vec<u8>,
}

impl Image {
    /// # Panics
    /// If the file is not a well-formed ELF file of this machine.
    pub(crate) fn load(path: &Path) -> Self {
        let data = &*fs::read(path).expect("a linked file");
        let file = FileHeader64::<Endianness>::parse(data).expect("an ELF file");
        let loaded = file.program_headers(ENDIAN, data).expect("its segments").iter();
        let segments = loaded.filter(|segment| segment.p_type(ENDIAN) == PT_LOAD).map(|segment| {
            let mut content = segment.data(ENDIAN, data).expect("a segment").to_vec();
            content.resize(segment.p_memsz(ENDIAN) as usize, 0);
            (segment.p_vaddr(ENDIAN), content)
        });
        let table = file.sections(ENDIAN, data).expect("its sections");
        let sections = table.iter().map(|section| Section {
            name: String::from_utf8_lossy(table.section_name(ENDIAN, section).expect("a name")).into_owned(),
            at: section.sh_addr(ENDIAN)..section.sh_addr(ENDIAN) + section.sh_size(ENDIAN),
            executable: section.sh_flags(ENDIAN).contains(SHF_EXECINSTR),
            data: section.data(ENDIAN, data).expect("its content").to_vec(),
        });
        let symbols = table.symbols(ENDIAN, data, object::elf::SHT_SYMTAB).expect("its symbols");
        let functions = symbols.iter().filter(|symbol| symbol.st_type() == STT_FUNC).map(|symbol| {
            let name = symbol.name(ENDIAN, symbols.strings()).expect("a name");
            let at = symbol.st_value(ENDIAN);
            (String::from_utf8_lossy(name).into_owned(), at..at + symbol.st_size(ENDIAN))
        });
        let mut image = Self {
            position_independent: file.e_type.get(ENDIAN) == ET_DYN,
            segments: segments.collect(),
            sections: sections.collect(),
            functions: functions.filter(|(_, at)| !at.is_empty()).collect(),
        };
        image.relocate();
        image
    }

    /// Does what the dynamic linker would, as far as no other file is concerned.
    fn relocate(&mut self) {
        assert!(self.section(".relr.dyn").is_none(), "packed relocations are not read here");
        let relocations = self.section_data(".rela.dyn").to_vec();
        let relocations = pod::slice_from_all_bytes::<Rela64<Endianness>>(&relocations).expect("relocations");
        for relocation in relocations {
            let kind = relocation.r_type(ENDIAN, false);
            if kind == R_X86_64_RELATIVE || kind == R_X86_64_64 && relocation.r_sym(ENDIAN, false) == 0 {
                let value = relocation.r_addend.get(ENDIAN) as u64;
                let at = relocation.r_offset.get(ENDIAN);
                let place = self.bytes_mut(at, 8).expect("a relocation inside a segment");
                place.copy_from_slice(&value.to_le_bytes());
            }
        }
    }

    pub(crate) fn is_position_independent(&self) -> bool {
        self.position_independent
    }

    /// Where a section is; `None` if there is no such section.
    pub(crate) fn section(&self, name: &str) -> Option<Range<u64>> {
        self.sections.iter().find(|section| section.name == name).map(|section| section.at.clone())
    }

    /// The content of a section in the file, empty if there is no such section.
    pub(crate) fn section_data(&self, name: &str) -> &[u8] {
        self.sections.iter().find(|section| section.name == name).map_or(&[], |section| &section.data)
    }

    /// Whether there is code at an address.
    pub(crate) fn is_code(&self, at: u64) -> bool {
        self.sections.iter().any(|section| section.executable && section.at.contains(&at))
    }

    /// The function at an address.
    pub(crate) fn function_at(&self, at: u64) -> Option<&str> {
        self.functions.iter().find(|(_, range)| range.contains(&at)).map(|(name, _)| name.as_str())
    }

    /// The names of all functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn u32_at(&self, at: u64) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(at, 4)?.try_into().ok()?))
    }

    pub(crate) fn u64_at(&self, at: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(at, 8)?.try_into().ok()?))
    }

    fn bytes(&self, at: u64, len: usize) -> Option<&[u8]> {
        self.segments.iter().find_map(|(start, content)| content.get(inside(*start, at, len)?))
    }

    fn bytes_mut(&mut self, at: u64, len: usize) -> Option<&mut [u8]> {
        self.segments.iter_mut().find_map(|(start, content)| content.get_mut(inside(*start, at, len)?))
    }
}

fn inside(start: u64, at: u64, len: usize) -> Option<Range<usize>> {
    let first = usize::try_from(at.checked_sub(start)?).ok()?;
    Some(first..first.checked_add(len)?)
}
