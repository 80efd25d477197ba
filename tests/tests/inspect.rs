//! `perseq-inspect` on files that are made for it: sections that keep the rules and sections that break one each, on every
//! architecture that is decoded, linked in several ways; and on this test itself, with all sequences of Perseq in it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "inspect/build.rs"]
mod build;
#[allow(dead_code, reason = "each test binary builds fixtures in its own ways")]
#[path = "../fixtures/mod.rs"]
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};

use build::{DECODED, Kind, OTHERS, assemble, link};
use fixtures::Fixture;
use perseq_inspect::{Binary, Error, Found, Instruction, Parts, Report, Rule};
use perseq_tests::structures;

/// The reports of a file by the names of the functions that the sections are in.
fn reports(binary: &Binary<'_>) -> BTreeMap<String, Report> {
    let reports = binary.sections().iter().map(|section| binary.report(section));
    reports.map(|report| (report.symbol.clone().expect("a function").name, report)).collect()
}

/// The rule that a section breaks, as its name says; `None` if it keeps them.
fn broken_by(name: &str) -> Option<String> {
    let rest = name.strip_prefix("breaks.")?;
    Some(rest.split('.').next().unwrap_or_default().replace('_', "-"))
}

#[test]
fn every_rule_is_caught_where_it_is_broken_and_nowhere_else() {
    let mut caught = BTreeSet::new();
    for arch in DECODED {
        let Some(object) = assemble(arch, &[]) else { continue };
        for kind in Kind::ALL {
            let Some(file) = link(&object, kind) else { continue };
            let binary = Binary::parse(&file).expect("an ELF file");
            assert_eq!(binary.architecture(), arch.name);
            assert!(binary.violations().is_empty(), "{arch:?} {kind:?}: {:?}", binary.violations());
            let reports = reports(&binary);
            assert!(reports.len() >= 4, "{arch:?} {kind:?}: only {:?}", reports.keys());
            for (name, report) in &reports {
                let broken: BTreeSet<_> =
                    report.violations.iter().map(|violation| violation.rule.name()).collect();
                let expected = broken_by(name);
                let expected: BTreeSet<_> = expected.iter().map(String::as_str).collect();
                assert_eq!(broken, expected, "{arch:?} {kind:?}: {name}: {report:#?}");
                caught.extend(report.violations.iter().map(|violation| violation.rule));
            }
        }
    }
    let all: BTreeSet<_> = Rule::ALL.into_iter().filter(|rule| *rule != Rule::Arrays).collect();
    assert_eq!(caught, all);
}

#[test]
fn entries_of_the_arrays_that_lead_nowhere_are_caught() {
    for arch in &DECODED[..3] {
        let Some(object) = assemble(arch, &["--cfg", "wrong_arrays"]) else { continue };
        let Some(file) = link(&object, Kind::Static) else { continue };
        let binary = Binary::parse(&file).expect("an ELF file");
        let rules: Vec<_> = binary.violations().iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, [Rule::Arrays; 2], "{:?}", binary.violations());
    }
}

#[test]
fn stores_exits_and_what_arms_a_section_are_reported() {
    for arch in &DECODED[..3] {
        let Some(object) = assemble(arch, &[]) else { continue };
        let Some(file) = link(&object, Kind::Independent) else { continue };
        let binary = Binary::parse(&file).expect("an ELF file");
        let reports = reports(&binary);
        let staged = &reports["keeps.staged"];
        assert_eq!((staged.staged.len(), staged.commit.is_some()), (2, true), "{staged:#?}");
        let targets: Vec<_> = staged.staged.iter().map(|store| store.target.as_str()).collect();
        let expected = match arch.name {
            "x86_64" => ["[rsi+rcx*8+0x10]", "[rsi]"],
            "aarch64" => ["[x4, #0x10]", "[x4]"],
            _ => ["16(a4)", "0(a4)"],
        };
        assert_eq!(targets, expected);
        let read = &reports["keeps.read"];
        assert!(
            read.commit.is_none() && read.notes.iter().any(|note| note.contains("only reads")),
            "{read:#?}"
        );
        let compare = &reports["keeps.compare_and_store"];
        assert_eq!(compare.exits.len(), 2);
        assert!(compare.exits.iter().all(|exit| exit.declared), "{compare:#?}");
        assert!(compare.before.is_some(), "{compare:#?}");
        let undeclared = &reports["keeps.undeclared_exit"];
        assert_eq!(undeclared.exits.iter().filter(|exit| !exit.declared).count(), 1, "{undeclared:#?}");
        assert!(undeclared.notes.iter().any(|note| note.contains("no exit points")), "{undeclared:#?}");
        for report in reports.values() {
            let parts = Parts::default().disassembly(true);
            let text = binary.text(report, parts).to_string();
            for word in ["start_ip", "post_commit_offset", "abort_ip"] {
                assert!(text.contains(word), "{text}");
            }
            let json = binary.json(report, parts);
            let instructions = report.instructions.as_ref().map(Vec::len);
            assert_eq!(json["disassembly"].as_array().map(Vec::len), instructions);
            assert_eq!(json["violations"].as_array().map(Vec::len), Some(report.violations.len()));
        }
    }
}

#[test]
fn how_a_section_is_found_depends_on_what_the_linker_left() {
    for arch in &DECODED[..3] {
        let Some(object) = assemble(arch, &[]) else { continue };
        for kind in Kind::ALL {
            let Some(file) = link(&object, kind) else { continue };
            let whole = Binary::parse(&file).expect("an ELF file");
            let hidden = reports(&whole).remove("keeps.hidden").expect("the hidden one");
            assert_eq!(hidden.section.found, Found::BySignature);
            assert_eq!(reports(&whole)["keeps.store"].section.found, Found::Listed);

            let unlisted = renamed(&file, b"__rseq_cs_ptr_array\0");
            let unlisted = Binary::parse(&unlisted).expect("an ELF file");
            assert_eq!(reports(&unlisted)["keeps.store"].section.found, Found::InSection);

            let stripped = without_section_headers(&file);
            let stripped = Binary::parse(&stripped).expect("an ELF file");
            let known: BTreeSet<_> = whole.sections().iter().map(|section| section.descriptor).collect();
            let all = stripped.sections().iter().all(|section| known.contains(&section.descriptor));
            assert!(all, "{arch:?} {kind:?}: something else is taken for a descriptor");
            for (name, report) in reports(&whole) {
                let section = &report.section;
                let found = stripped.sections().iter().find(|found| found.start_ip == section.start_ip);
                // What has no signature, no code, or lies askew cannot be told from anything else.
                let hopeless = ["signature", "abort-handler", "version-flags", "alignment", "range"];
                if broken_by(&name).is_some_and(|rule| hopeless.contains(&rule.as_str())) && found.is_none() {
                    continue;
                }
                let found = found.unwrap_or_else(|| panic!("{arch:?} {kind:?}: {name} is not found"));
                assert_eq!(found.found, Found::BySignature);
                assert_eq!((found.descriptor, found.end()), (section.descriptor, section.end()));
                let report = stripped.report(found);
                if name.starts_with("keeps.") {
                    assert!(report.violations.is_empty(), "{arch:?} {kind:?}: {name}: {report:#?}");
                }
            }
        }
    }
}

/// The file with a section of another name, as if it were not there.
fn renamed(file: &[u8], name: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = file.windows(name.len()).rposition(|bytes| bytes == name).expect("the name");
    file[at] = b'x';
    file
}

/// The file as `strip --strip-section-headers` leaves it.
fn without_section_headers(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let wide = file[4] == 2;
    let (offset, numbers) = if wide { (0x28..0x30, 0x3c..0x40) } else { (0x20..0x24, 0x30..0x34) };
    file[offset].fill(0);
    file[numbers].fill(0);
    file
}

#[test]
fn descriptors_are_verified_on_the_other_architectures_too() {
    for arch in OTHERS {
        let Some(object) = assemble(arch, &[]) else { continue };
        for kind in Kind::ALL {
            let Some(file) = link(&object, kind) else { continue };
            for (file, found) in
                [(&file, Found::Listed), (&without_section_headers(&file), Found::BySignature)]
            {
                let binary = Binary::parse(file).expect("an ELF file");
                assert_eq!(binary.architecture(), arch.name);
                assert_eq!(binary.sections().len(), 2, "{arch:?} {kind:?}: {binary:#?}");
                for section in binary.sections() {
                    assert_eq!((section.found, section.post_commit_offset), (found, 8));
                    let exits = section.declared_exits.clone();
                    assert_eq!(exits, (found == Found::Listed).then(|| vec![section.abort_ip + 4]));
                    let report = binary.report(section);
                    assert!(report.violations.is_empty(), "{report:#?}");
                    assert!(report.notes.iter().any(|note| note.contains("not decoded")), "{report:#?}");
                }
            }
        }
        let Some(object) = assemble(arch, &["--cfg", "wrong_signature"]) else { continue };
        let Some(file) = link(&object, Kind::Static) else { continue };
        let binary = Binary::parse(&file).expect("an ELF file");
        for section in binary.sections() {
            let violations = binary.report(section).violations;
            assert_eq!(
                violations.iter().map(|violation| violation.rule).collect::<Vec<_>>(),
                [Rule::Signature]
            );
        }
    }
}

#[test]
fn the_sequences_of_perseq_in_this_test_keep_the_rules() {
    // So that there are some in it: of counters, and with copies, whose loops are inside the sections.
    perseq::Counter::new().add(1);
    let queue = structures::Queue::<[u64; 9], 4>::new();
    let _ = queue.push([1; 9]);
    assert!(queue.pop().is_none_or(|item| item == [1; 9]));
    let file = std::fs::read(std::env::current_exe().expect("this test")).expect("its file");
    let binary = Binary::parse(&file).expect("an ELF file");
    assert!(binary.sections().len() > 3, "{:?}", binary.sections());
    let mut loops = 0;
    for section in binary.sections() {
        let report = binary.report(section);
        let text = binary.text(&report, Parts::default().disassembly(true));
        let goes_back =
            |i: &Instruction| i.branches_to.is_some_and(|to| section.contains(to) && to < i.address);
        loops += report.instructions.iter().flatten().filter(|instruction| goes_back(instruction)).count();
        assert!(report.violations.is_empty(), "{text}");
        assert!(report.exits.iter().all(|exit| exit.declared), "{text}");
        let location = binary.location(section).expect("debugging information");
        assert!(location.file.ends_with(".rs") && location.line > 0, "{location:?}");
    }
    assert!(loops >= 4, "{loops} loops");
}

#[test]
fn the_sequences_of_perseq_keep_the_rules_on_other_architectures() {
    let targets = [
        ("aarch64-unknown-linux-musl", None),
        ("i686-unknown-linux-musl", None),
        ("riscv64gc-unknown-linux-gnu", Some("riscv64-linux-gnu-gcc")),
        ("powerpc64le-unknown-linux-gnu", Some("powerpc64le-linux-gnu-gcc")),
        ("s390x-unknown-linux-gnu", Some("s390x-linux-gnu-gcc")),
        ("armv7-unknown-linux-gnueabihf", Some("arm-linux-gnueabihf-gcc")),
    ];
    for (target, linker) in targets {
        if !build::can_build(target, linker) {
            continue;
        }
        let file = Fixture::program("sections", "sections").target(target).build();
        let file = std::fs::read(file).expect("what is built");
        let binary = Binary::parse(&file).expect("an ELF file");
        assert!(binary.violations().is_empty(), "{target}: {:?}", binary.violations());
        assert!(binary.sections().len() >= 4, "{target}: {:?}", binary.sections());
        for section in binary.sections() {
            let report = binary.report(section);
            let text = binary.text(&report, Parts::default().disassembly(true));
            assert!(report.violations.is_empty(), "{target}: {text}");
            assert_eq!(section.found, Found::Listed, "{target}: {text}");
            assert!(section.declared_exits.is_some(), "{target}: {text}");
            assert!(report.exits.iter().all(|exit| exit.declared), "{target}: {text}");
        }
    }
}

#[test]
fn a_library_without_sections_has_none_and_other_files_are_refused() {
    let libc = std::fs::read_to_string("/proc/self/maps").expect("its own maps");
    let libc = libc.lines().find_map(|line| line.split_once('/')).map(|(_, path)| format!("/{path}"));
    let libc = std::fs::read(libc.expect("a file that is mapped")).expect("the file");
    assert!(Binary::parse(&libc).is_ok());
    assert_eq!(Binary::parse(b"#!/bin/sh").err(), Some(Error::NotElf));
    assert_eq!(Binary::parse(&[]).err(), Some(Error::NotElf));
    if let Some(object) = assemble(&DECODED[0], &[]) {
        let object = std::fs::read(object).expect("the object file");
        assert_eq!(Binary::parse(&object).err(), Some(Error::NotLinked));
    }
    let mut other = libc;
    other[18] = 8;
    assert_eq!(Binary::parse(&other).err(), Some(Error::Architecture(8)));
}
