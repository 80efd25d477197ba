//! What linkers make of sequences: every used one is listed and whole, every unused one is gone.
//!
//! A section is spread over five ELF sections (its code, its abort handler, its descriptor, and two arrays that list it
//! for debuggers and verifiers). Linkers throw away what nothing refers to, and keep what something refers to, so
//! the parts must live and die together; these tests read it in the linked file, for each optimisation level, kind of
//! link-time optimisation, and linker.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

#[allow(dead_code, reason = "each test binary builds fixtures in its own ways")]
#[path = "../fixtures/mod.rs"]
mod fixtures;
#[path = "linked/sections.rs"]
mod sections;

use std::path::Path;
use std::process::Command;

use fixtures::Fixture;
use perseq_tests::skip::skip;
use sections::File;

/// Every sequence of `sections` that is used.
const USED: [&str; 4] = ["live", "exits", "results", "generic"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linker {
    Bfd,
    Lld,
}

impl Linker {
    fn is_there(self) -> bool {
        let name = if self == Self::Bfd { "ld.bfd" } else { "ld.lld" };
        let there = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
        if !there {
            skip(name, "the linker is not installed");
        }
        there
    }

    /// Links `fixture` with this linker, which removes what is not used.
    fn link(self, fixture: Fixture) -> Fixture {
        let fixture = fixture.last_flag("-Clink-arg=-Wl,--gc-sections");
        match self {
            Self::Bfd => fixture.last_flag("-Clinker-features=-lld").last_flag("-Clink-arg=-fuse-ld=bfd"),
            Self::Lld => fixture.last_flag("-Clink-arg=-fuse-ld=lld"),
        }
    }

    /// Fails unless a file was linked by this linker.
    #[track_caller]
    fn assert_linked(self, file: &File) {
        let comment = String::from_utf8_lossy(&file.section(".comment")).into_owned();
        assert_eq!(comment.contains("Linker: LLD"), self == Self::Lld, "{comment:?}");
    }
}

fn program() -> Fixture {
    Fixture::program("sections", "sections")
}

/// Fails unless the used sequences, and nothing but sequences in use, are in the linked file, and all is well with them.
#[track_caller]
fn check(path: &Path) -> File {
    let file = File::load(path);
    let faults = file.faults();
    assert!(faults.is_empty(), "{}:\n{}", path.display(), faults.join("\n"));
    let sites = file.sites();
    for name in USED {
        assert!(
            sites.iter().any(|site| site.contains(name)),
            "no section of `{name}` in {}: {sites:?}",
            path.display()
        );
    }
    let unused: Vec<_> = file.functions().into_iter().filter(|name| name.contains("unused")).collect();
    assert!(unused.is_empty(), "{unused:?} stayed in {}", path.display());
    file
}

/// Builds, checks, and runs a program.
#[track_caller]
fn check_program(fixture: &Fixture) -> File {
    let path = fixture.build();
    let file = check(&path);
    assert!(Command::new(&path).status().expect("a program").success(), "{} fails", path.display());
    file
}

#[test]
fn used_sequences_are_listed_and_unused_ones_are_gone_however_a_program_is_optimised_and_linked() {
    let ways = [
        ("0", "off", Linker::Lld),
        ("1", "thin", Linker::Bfd),
        ("2", "off", Linker::Bfd),
        ("3", "fat", Linker::Lld),
    ];
    for (level, lto, linker) in ways {
        if !linker.is_there() {
            continue;
        }
        let fixture = linker.link(program().setting("opt-level", level).setting("lto", lto));
        let file = check_program(&fixture);
        linker.assert_linked(&file);
        if level >= "2" {
            let sites = file.sites();
            let twice = sites.iter().filter(|name| name.contains("twice_site")).count();
            assert!(twice >= 2, "two sections are in one function: {sites:?}");
        }
    }
}

#[test]
fn sequences_are_whole_in_programs_that_are_loaded_anywhere_and_in_those_that_are_not() {
    assert!(check_program(&program()).is_position_independent());
    let fixed = program().last_flag("-Crelocation-model=static").last_flag("-Clink-arg=-no-pie");
    assert!(!check_program(&fixed).is_position_independent());
}

#[test]
fn sequences_are_whole_in_a_static_program() {
    let program = program().target("x86_64-unknown-linux-gnu").rustflag("-Ctarget-feature=+crt-static");
    let file = check_program(&program);
    assert!(file.section(".interp").is_empty(), "no dynamic linker is asked for");
}

#[test]
fn sequences_are_whole_in_a_dynamic_library() {
    for linker in [Linker::Bfd, Linker::Lld] {
        if linker.is_there() {
            let file = check(&linker.link(Fixture::library("sections/library")).build());
            linker.assert_linked(&file);
        }
    }
}

#[test]
fn an_entry_that_is_not_pinned_is_lost_and_a_shared_section_keeps_unused_functions() {
    for linker in [Linker::Bfd, Linker::Lld] {
        if !linker.is_there() {
            continue;
        }
        let file = File::load(&linker.link(Fixture::program("sections", "controls")).build());
        linker.assert_linked(&file);
        assert_eq!(file.unlisted(), ["unpinned_site"], "{linker:?}");
        let lost = file.faults().iter().filter(|fault| fault.contains("no entry leads to")).count();
        assert_eq!(lost, 1, "that is a fault: {linker:?}");
        let unused: Vec<_> = file.functions().into_iter().filter(|name| name.starts_with("unused")).collect();
        assert_eq!(unused, ["unused_with_a_shared_section"], "{linker:?}");
    }
}
