//! The critical sections that a linked file lists, and whether the kernel, a debugger and a verifier can rely on them.

use std::fs;
use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use perseq_abi::SIGNATURE;
use perseq_inspect::{Binary, CriticalSection, Found};

/// A linked file.
pub(crate) struct File(Vec<u8>);

impl File {
    /// # Panics
    /// If it cannot be read.
    pub(crate) fn load(path: &Path) -> Self {
        Self(fs::read(path).expect("a linked file"))
    }

    fn binary(&self) -> Binary<'_> {
        Binary::parse(&self.0).expect("an ELF file of this machine")
    }

    fn object(&self) -> object::File<'_> {
        object::File::parse(&*self.0).expect("an ELF file")
    }

    pub(crate) fn is_position_independent(&self) -> bool {
        self.binary().is_position_independent()
    }

    /// The content of a section, empty if there is no such section.
    pub(crate) fn section(&self, name: &str) -> Vec<u8> {
        let object = self.object();
        let section = object.section_by_name(name);
        section.map_or_else(Vec::new, |section| section.data().expect("its content").to_vec())
    }

    /// The names of all functions, mangled as they may be.
    pub(crate) fn functions(&self) -> Vec<String> {
        let object = self.object();
        let functions =
            object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
        functions.map(|function| function.name().expect("a name").to_string()).collect()
    }

    /// The function of each section.
    pub(crate) fn sites(&self) -> Vec<String> {
        self.sites_of(|_| true)
    }

    /// The functions of sections that no entry of the array leads to.
    pub(crate) fn unlisted(&self) -> Vec<String> {
        self.sites_of(|section| section.found != Found::Listed)
    }

    fn sites_of(&self, concerns: impl Fn(&CriticalSection) -> bool) -> Vec<String> {
        let binary = self.binary();
        let sections = binary.sections().iter().filter(|section| concerns(section));
        sections.filter_map(|section| binary.symbol(section.start_ip)).map(|symbol| symbol.name).collect()
    }

    /// What is wrong, each in one sentence: rules that are broken, and parts of a section that do not live and die
    /// with it.
    pub(crate) fn faults(&self) -> Vec<String> {
        let binary = self.binary();
        let mut faults = Vec::new();
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let all = binary.sections().len();
        check(all > 0, "there are no sections".into());
        let signatures = self.section("__rseq_failure");
        let signatures = signatures.windows(4).filter(|bytes| *bytes == SIGNATURE.to_ne_bytes()).count();
        check(signatures == all, format!("{signatures} signatures for {all} sections"));
        let entries = self.section("__rseq_cs_ptr_array").len() / size_of::<u64>();
        check(entries == all, format!("{entries} entries for {all} sections"));
        for violation in binary.violations() {
            check(false, format!("{}: {}", violation.rule, violation.explanation));
        }
        for section in binary.sections() {
            let report = binary.report(section);
            let name =
                report.symbol.map_or_else(|| "code without a name".into(), |symbol| symbol.to_string());
            check(section.found == Found::Listed, format!("{name}: no entry leads to its descriptor"));
            check(section.declared_exits.is_some(), format!("{name}: no exit is listed"));
            for violation in report.violations {
                check(false, format!("{name}: {}: {}", violation.rule, violation.explanation));
            }
        }
        faults
    }
}
