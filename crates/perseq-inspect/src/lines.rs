//! Files and lines of the source, from DWARF.
//!
//! Reading debugging information takes longer than all else, so it is done when somebody asks for a line, and only for the
//! units that hold the addresses asked for. Compressed debugging information is not read: what a few bytes of a hostile
//! file expand to has no limit.

use addr2line::Context;
use addr2line::gimli::{self, EndianSlice, RunTimeEndian};

use crate::image::Image;

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as the compiler named it.
    pub file: String,
    /// The line, from 1; 0 if it is not known.
    pub line: u32,
}

type Slice<'d> = EndianSlice<'d, RunTimeEndian>;

pub(crate) struct Lines<'d>(Option<Context<Slice<'d>>>);

impl<'d> Lines<'d> {
    pub(crate) fn new(image: &Image<'d>) -> Self {
        let endian = if object::Endian::is_big_endian(image.endian) {
            RunTimeEndian::Big
        } else {
            RunTimeEndian::Little
        };
        let load = |id: gimli::SectionId| {
            let section = image.sections(id.name().as_bytes()).next();
            Ok::<_, gimli::Error>(EndianSlice::new(section.map_or(&[][..], |section| section.data), endian))
        };
        let dwarf = gimli::Dwarf::load(load);
        Self(dwarf.and_then(Context::from_dwarf).ok())
    }

    pub(crate) fn find(&self, address: u64) -> Option<Location> {
        let location = self.0.as_ref()?.find_location(address).ok()??;
        Some(Location { file: location.file?.to_string(), line: location.line.unwrap_or(0) })
    }
}
