//! Names of functions, by address.

use std::fmt::{self, Write as _};
use std::ops::Range;

use object::elf::{STT_FUNC, STT_NOTYPE, SymbolType};

use super::name_at;

/// Longer names are cut off: those of a hostile file, and of a few that templates make.
const LONGEST: usize = 1024;

/// A place in a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The function, demangled if Rust mangled it.
    pub name: String,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            0 => f.write_str(&self.name),
            offset => write!(f, "{}+{offset:#x}", self.name),
        }
    }
}

/// A symbol as the file has it.
#[derive(Clone, Copy)]
pub(super) struct Raw {
    pub(super) address: u64,
    pub(super) size: u64,
    /// Where its name is among the strings.
    pub(super) name: u32,
}

/// Whether symbols of this type name code, or may.
pub(super) fn names_code(kind: SymbolType) -> bool {
    kind == STT_FUNC || kind == STT_NOTYPE
}

/// By address.
#[derive(Default)]
pub(super) struct Symbols<'d> {
    all: Vec<Raw>,
    strings: &'d [u8],
}

impl<'d> Symbols<'d> {
    pub(super) fn new(mut all: Vec<Raw>, strings: &'d [u8]) -> Self {
        // Mapping symbols (`$x`, `$d`) and those of the assembler name no function.
        all.retain(|symbol| {
            let name = name_at(strings, symbol.name, 2);
            !name.is_empty() && !name.starts_with(b"$") && name != b".L"
        });
        // Of several at one address, that with the largest size comes last.
        all.sort_unstable_by_key(|symbol| (symbol.address, symbol.size, symbol.name));
        Self { all, strings }
    }

    /// The one that an address belongs to; one without a size reaches to the next, in the same `part` of the file.
    fn at(&self, address: u64, part: &Range<u64>) -> Option<&Raw> {
        let end = self.all.partition_point(|symbol| symbol.address <= address);
        let before = self.all.get(..end)?;
        // A function may hold labels, which have no size; and there may be none at all with a size.
        let near = || before.iter().rev().take(64);
        let around = near().find(|symbol| address - symbol.address < symbol.size);
        around.or_else(|| before.last().filter(|symbol| symbol.size == 0 && part.contains(&symbol.address)))
    }

    pub(super) fn start(&self, address: u64, part: &Range<u64>) -> Option<u64> {
        self.at(address, part).map(|symbol| symbol.address)
    }

    pub(super) fn find(&self, address: u64, part: &Range<u64>) -> Option<Symbol> {
        let symbol = self.at(address, part)?;
        let raw = name_at(self.strings, symbol.name, LONGEST);
        let mut name = Cut(String::new());
        // It says when the name is cut off, which is no error here.
        let _ = write!(name, "{:#}", rustc_demangle::demangle(&String::from_utf8_lossy(raw)));
        Some(Symbol { name: name.0, offset: address - symbol.address })
    }
}

/// A text that does not grow beyond a limit.
struct Cut(String);

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() >= LONGEST {
                return Err(fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}
