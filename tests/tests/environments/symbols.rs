//! What a dynamic program asks of the C library it will find.

use std::fs;
use std::path::Path;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;

use crate::fixtures::Fixture;
use crate::place::glibc_registers;

/// The versions of libraries that an ELF file needs.
fn needed_versions(path: &Path) -> Vec<String> {
    let data = fs::read(path).expect("what was built");
    let file = FileHeader64::<Endianness>::parse(&*data).expect("an ELF file");
    let endian = file.endian().expect("its byte order");
    let sections = file.sections(endian, &*data).expect("its sections");
    let (mut needs, strings) =
        sections.gnu_verneed(endian, &*data).expect("well-formed versions").expect("a dynamic program");
    let strings = sections.strings(endian, &*data, strings).expect("their names");
    let mut versions = Vec::new();
    while let Some((_, mut auxiliaries)) = needs.next().expect("a need") {
        while let Some(auxiliary) = auxiliaries.next().expect("a version") {
            let name = auxiliary.name(endian, strings).expect("a name");
            versions.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    versions
}

#[test]
fn a_dynamic_program_runs_with_a_glibc_older_than_rseq() {
    let program = Fixture::program("environment", "environment");
    let needed = needed_versions(&program.build());
    assert!(needed.iter().any(|version| version == "GLIBC_2.2.5"), "{needed:?}");
    assert!(!needed.iter().any(|version| version == "GLIBC_2.35"), "{needed:?}");
    if !glibc_registers() {
        return;
    }
    // The control: one weak reference to `__rseq_offset` is enough to need it.
    let needed = needed_versions(&program.feature("weak-reference").build());
    assert!(needed.iter().any(|version| version == "GLIBC_2.35"), "{needed:?}");
}
