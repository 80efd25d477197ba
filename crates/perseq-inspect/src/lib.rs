#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arch;
mod code;
mod error;
mod find;
mod image;
mod lines;
mod render;
mod verify;

use std::cell::OnceCell;

pub use error::Error;
pub use find::{CriticalSection, Found};
pub use image::Symbol;
pub use lines::Location;
pub use render::{Parts, Text};
pub use verify::{Exit, Instruction, Report, Rule, Store, Violation};

use image::Image;
use lines::Lines;

/// An ELF program or library, and the critical sections in it.
pub struct Binary<'d> {
    image: Image<'d>,
    sections: Vec<CriticalSection>,
    violations: Vec<Violation>,
    lines: OnceCell<Lines>,
}

impl<'d> Binary<'d> {
    /// Reads the headers of a file, and finds its critical sections.
    ///
    /// # Errors
    /// If it is no linked ELF file for an architecture with restartable sequences, or is damaged.
    pub fn parse(file: &'d [u8]) -> Result<Self, Error> {
        let image = Image::parse(file)?;
        let (sections, violations) = find::sections(&image)?;
        Ok(Self { image, sections, violations, lines: OnceCell::new() })
    }

    /// The architecture, as in `cfg(target_arch = "…")`.
    #[must_use]
    pub fn architecture(&self) -> &'static str {
        self.image.arch.name
    }

    /// Whether it may be loaded anywhere, as libraries and most programs are.
    #[must_use]
    pub fn is_position_independent(&self) -> bool {
        self.image.position_independent
    }

    /// The critical sections, by `start_ip`.
    #[must_use]
    pub fn sections(&self) -> &[CriticalSection] {
        &self.sections
    }

    /// What is wrong with the arrays that list sections and exit points, rather than with a section.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Reads a section's instructions and applies all [rules](Rule).
    #[must_use]
    pub fn report(&self, section: &CriticalSection) -> Report {
        verify::report(&self.image, section)
    }

    /// The function at an address, and how far into it that is.
    #[must_use]
    pub fn symbol(&self, address: u64) -> Option<Symbol> {
        self.image.symbol(address)
    }

    /// The source of the first instruction of a section, if the file has debugging information that says so. The first call looks for those
    /// of all sections.
    #[must_use]
    pub fn location(&self, section: &CriticalSection) -> Option<&Location> {
        let starts = || self.sections.iter().map(|section| section.start_ip);
        self.lines.get_or_init(|| Lines::new(&self.image, starts())).find(section.start_ip)
    }

    /// Where a violation is, for people: the place in its function, or that of the section if it concerns the descriptor.
    #[must_use]
    pub fn place(&self, report: &Report, violation: &Violation) -> String {
        let inside = report.section.contains(violation.at).then(|| self.symbol(violation.at)).flatten();
        inside.map_or_else(|| render::name(report), |symbol| symbol.to_string())
    }

    /// A report for people: a block of lines.
    #[must_use]
    pub fn text<'b>(&'b self, report: &'b Report, parts: Parts) -> Text<'b, 'd> {
        Text::new(self, report, parts)
    }

    /// A report for scripts: one object. Its keys stay as they are.
    #[must_use]
    pub fn json(&self, report: &Report, parts: Parts) -> serde_json::Value {
        render::json(self, report, parts)
    }
}

impl std::fmt::Debug for Binary<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binary")
            .field("architecture", &self.architecture())
            .field("sections", &self.sections)
            .field("violations", &self.violations)
            .finish_non_exhaustive()
    }
}
