//! Every critical section of this binary survives an abort at each of its instructions.
#![cfg(target_os = "linux")]

#[path = "abort_injection/ops.rs"]
mod ops;
#[path = "abort_injection/scenarios.rs"]
mod scenarios;
#[path = "abort_injection/trace.rs"]
mod trace;

use std::path::Path;
use std::time::Duration;

use perseq_tests::inject::{Section, find, permitted, sweep};
use perseq_tests::limit::Limit;
use perseq_tests::sample::sample;
use perseq_tests::skip::{say, sequences_run, skip};

/// The sections of this binary, if they can be attacked here.
fn sections() -> Option<Vec<Section>> {
    if !sequences_run() {
        return None;
    }
    if let Err(why) = permitted() {
        skip("traps", why);
        return None;
    }
    Some(find())
}

#[test]
fn every_section_survives_an_abort_at_each_instruction() {
    let Some(sections) = sections() else { return };
    let _limit = Limit::start(Duration::from_secs(600), "abort injection");
    // Every operation on every type makes a section: where everything takes longer, PERSEQ_SAMPLE=8 attacks an eighth of them.
    let sample = sample();
    let mut words = 0;
    let attacked = |section: &Section| {
        let of_words = section.name.sequence.starts_with("perseq_tests::words");
        words += usize::from(of_words);
        !of_words || words.is_multiple_of(sample)
    };
    let report = sweep(&sections, attacked, &scenarios::all());
    say(format_args!("abort injection: {report}"));
    assert!(report.sections > 0 && report.aborts as usize >= 2 * report.instructions, "{report}");
    assert!(report.failures.is_empty(), "{report}\n{}", report.failures.join("\n"));
}

#[test]
fn every_sequence_that_a_library_of_the_workspace_ships_is_among_them() {
    let Some(sections) = sections() else { return };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // The committed assembly names every sequence of the workspace as `crate.module.function`; a test of perseq-macros
    // sees to that.
    let committed = workspace.join("crates/perseq-macros/asm").join(std::env::consts::ARCH);
    if !committed.is_dir() {
        return skip("sources", format_args!("{} is not here", committed.display()));
    }
    let mut shipped = 0;
    for entry in std::fs::read_dir(committed).expect("the committed assembly") {
        let file = entry.expect("an entry").file_name().into_string().expect("an ASCII name");
        let [package, _module, function, "s"] = file.split('.').collect::<Vec<_>>()[..] else {
            panic!("{file} is not called crate.module.function.s");
        };
        // What a program keeps to itself cannot be linked here.
        if !workspace.join("crates").join(package).join("src/lib.rs").exists() {
            continue;
        }
        shipped += 1;
        let (library, function) = (format!("{}::", package.replace('-', "_")), format!("::{function}"));
        let is_it = |path: &str| path.starts_with(&library) && path.ends_with(&function);
        assert!(
            sections.iter().any(|section| is_it(&section.name.sequence)),
            "{file} has no section in this binary: it needs a scenario in abort_injection/scenarios.rs"
        );
    }
    assert!(shipped > 0, "no sequence is shipped");
}

#[test]
fn a_section_without_a_scenario_is_reported_with_its_function_and_line() {
    let Some(mut sections) = sections() else { return };
    sections.retain(|section| section.name.sequence.ends_with("array::get"));
    assert!(!sections.is_empty(), "Array::get is a sequence");
    let report = sweep(&sections, |_| true, &[]);
    assert_eq!(report.failures.len(), sections.len());
    for failure in report.failures {
        assert!(failure.starts_with("no scenario reaches") && failure.contains("array::get"), "{failure}");
        assert!(failure.contains("array.rs:"), "{failure}");
    }
}
