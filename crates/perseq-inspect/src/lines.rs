//! Files and lines of the source, from DWARF.
//!
//! Reading debugging information takes longer than all else, so it is done when somebody asks for a line, for all sections at
//! once: of each compilation unit only the first entry is read, which says what code it has, and only where that is a
//! section's, its table of lines too.
//!
//! What a unit refers to may be shared by all units of a hostile file, and every reference costs as much as the whole. So there is a
//! [`BUDGET`], beyond which nothing is known of the lines that are left. Compressed information is not read: what it
//! expands to has no limit.

use std::collections::BTreeMap;

use gimli::{
    AttributeValue, DebugAbbrev, Dwarf, EndianSlice, Reader as _, RunTimeEndian, Section as _, Unit,
};

use crate::image::Image;

/// Entries of tables that are read in all; a table of abbreviations counts by its bytes.
const BUDGET: usize = 1 << 28;
/// Bytes of the longest table of abbreviations: real ones have a tenth.
const ABBREVIATIONS: usize = 1 << 14;
/// Bytes of the longest string; names of types are among them.
const STRING: usize = 1 << 18;
/// Bytes of the longest path.
const PATH: usize = 4096;

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as the compiler named it.
    pub file: String,
    /// The line, from 1; 0 if it is not known.
    pub line: u32,
}

type Slice<'d> = EndianSlice<'d, RunTimeEndian>;

/// The lines of some addresses.
pub(crate) struct Lines(BTreeMap<u64, Location>);

impl Lines {
    pub(crate) fn new(image: &Image<'_>, addresses: impl Iterator<Item = u64>) -> Self {
        let endian = if object::Endian::is_big_endian(image.endian) {
            RunTimeEndian::Big
        } else {
            RunTimeEndian::Little
        };
        let load = |id: gimli::SectionId| {
            let section = image.sections(id.name().as_bytes()).next();
            let data = section.map_or(&[][..], |section| section.data);
            let is_strings = matches!(id, gimli::SectionId::DebugStr | gimli::SectionId::DebugLineStr);
            let data = if is_strings && !has_short_strings(data) { &[][..] } else { data };
            Ok::<_, gimli::Error>(EndianSlice::new(data, endian))
        };
        let mut addresses: Vec<_> = addresses.collect();
        addresses.sort_unstable();
        let mut search = Search { addresses, found: BTreeMap::new(), budget: BUDGET };
        if let Ok(mut dwarf) = Dwarf::load(load) {
            // The rest is as good as it goes.
            let _ = search.all(&mut dwarf);
        }
        Self(search.found)
    }

    pub(crate) fn find(&self, address: u64) -> Option<&Location> {
        self.0.get(&address)
    }
}

struct Search {
    /// Sorted.
    addresses: Vec<u64>,
    found: BTreeMap<u64, Location>,
    budget: usize,
}

impl Search {
    /// `None` ends the search.
    fn spend(&mut self, entries: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(entries)?;
        Some(())
    }

    fn all(&mut self, dwarf: &mut Dwarf<Slice<'_>>) -> Option<()> {
        let abbreviations = *dwarf.debug_abbrev.reader();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next().ok()? {
            // Abbreviations are read to the end of their table, or of the section.
            let mut table = abbreviations;
            if table.skip(header.debug_abbrev_offset().0).is_err() {
                continue;
            }
            let len = table.len().min(ABBREVIATIONS);
            self.spend(len)?;
            let end = header.debug_abbrev_offset().0 + len;
            dwarf.debug_abbrev =
                DebugAbbrev::new(abbreviations.range_to(..end).slice(), abbreviations.endian());
            let Some(lines) = lines_header(dwarf, &header) else { continue };
            self.spend(lines)?;
            let Ok(unit) = dwarf.unit(header) else { continue };
            if self.concerns(dwarf, &unit)? {
                self.lines(dwarf, unit)?;
            }
            if self.found.len() == self.addresses.len() {
                return None;
            }
        }
        Some(())
    }

    /// The addresses in a range.
    fn within(&self, begin: u64, end: u64) -> &[u64] {
        let first = self.addresses.partition_point(|address| *address < begin);
        let last = self.addresses.partition_point(|address| *address < end);
        self.addresses.get(first..last).unwrap_or_default()
    }

    /// Whether a unit has code at one of the addresses.
    fn concerns(&mut self, dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>) -> Option<bool> {
        let Ok(mut ranges) = dwarf.unit_ranges(unit) else { return Some(false) };
        while let Ok(Some(range)) = ranges.next() {
            self.spend(1)?;
            if !self.within(range.begin, range.end).is_empty() {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Reads the lines of a unit.
    fn lines(&mut self, dwarf: &Dwarf<Slice<'_>>, unit: Unit<Slice<'_>>) -> Option<()> {
        let Some(program) = unit.line_program.clone() else { return Some(()) };
        let mut rows = program.rows();
        let mut before: Option<(u64, u64, u32)> = None;
        while let Ok(Some((header, row))) = rows.next_row() {
            self.spend(1)?;
            if let Some((begin, file, line)) = before.take() {
                let here = self.within(begin, row.address()).to_vec();
                self.spend(here.len())?;
                if !here.is_empty() {
                    let location =
                        Location { file: path(dwarf, &unit, header, file).unwrap_or_default(), line };
                    for address in here {
                        self.found.entry(address).or_insert_with(|| location.clone());
                    }
                }
            }
            let line = row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0));
            before = (!row.end_sequence()).then(|| (row.address(), row.file_index(), line));
        }
        Some(())
    }
}

/// The bytes of the header of a unit's lines, which has names of files and is read whole; `None` if it has no lines.
fn lines_header(dwarf: &Dwarf<Slice<'_>>, header: &gimli::UnitHeader<Slice<'_>>) -> Option<usize> {
    let abbreviations = dwarf.abbreviations(header).ok()?;
    let mut entries = header.entries(&abbreviations);
    let root = entries.next_dfs().ok()??;
    let AttributeValue::DebugLineRef(offset) = root.attr_value(gimli::DW_AT_stmt_list)? else { return None };
    let mut lines = *dwarf.debug_line.reader();
    lines.skip(offset.0).ok()?;
    let (_, format) = lines.read_initial_length().ok()?;
    if lines.read_u16().ok()? >= 5 {
        lines.skip(2).ok()?;
    }
    lines.read_length(format).ok()
}

/// Whether no string is longer than any name: it would be searched for its end each time it is named.
fn has_short_strings(section: &[u8]) -> bool {
    section.split(|byte| *byte == 0).all(|string| string.len() <= STRING)
}

/// The path of a file: folder of compilation, folder, and name, as far as they are relative.
fn path(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    header: &gimli::LineProgramHeader<Slice<'_>>,
    file: u64,
) -> Option<String> {
    let file = header.file(file)?;
    let text = |value: AttributeValue<Slice<'_>>| Some(cut(dwarf.attr_string(unit, value).ok()?));
    let mut path = unit.comp_dir.map(cut).unwrap_or_default();
    let folder = file.directory(header).and_then(text);
    for part in [folder, text(file.path_name())].into_iter().flatten() {
        if part.starts_with('/') {
            path = part;
        } else if path.is_empty() || path.ends_with('/') {
            path += &part;
        } else {
            path = path + "/" + &part;
        }
    }
    Some(path)
}

fn cut(text: Slice<'_>) -> String {
    let bytes = text.slice();
    String::from_utf8_lossy(bytes.get(..PATH).unwrap_or(bytes)).into_owned()
}
