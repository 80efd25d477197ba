//! Libraries with copies of the crate: unloaded while threads sleep, run on or end, and several in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixtures::Fixture;
use crate::place::{Expected, UNREGISTERED, place};
use crate::run::Run;

/// What the environment says to `host`.
type Variable = Option<(&'static str, &'static str)>;

/// With libc's areas, with areas of the library's own, and with none.
const OWNERS: [(&str, Variable); 3] =
    [("dynamic", None), ("tunable", Some(UNREGISTERED)), ("off", Some(("PERSEQ", "off")))];

fn plugin() -> PathBuf {
    Fixture::library("plugin").build()
}

/// Another copy of the library: to the dynamic linker a file is a library.
fn second(plugin: &Path) -> PathBuf {
    let second = plugin.with_file_name("libsecond.so");
    fs::copy(plugin, &second).expect("a copy of the library");
    second
}

fn host(variable: Variable, scenario: &str, libraries: &[&Path]) -> Command {
    let mut command = Command::new(Fixture::program("host", "host").build());
    command.arg(scenario).args(libraries).envs(variable);
    command
}

/// As the library numbers them.
fn number(expected: Expected) -> u32 {
    match expected {
        Expected::Nobody(_) => 0,
        Expected::Libc => 1,
        Expected::Perseq => 2,
    }
}

#[test]
fn a_library_leaves_no_descriptor_behind_when_it_is_unloaded() {
    let plugin = plugin();
    for (name, variable) in OWNERS {
        let run = Run::well(&mut host(variable, "unload", &[&plugin]));
        run.says("sleepers.dangling", 0);
        run.agrees("sleepers.woken", "sleepers.slept");
        run.agrees("unload.exact", "unload.rounds");
        run.says("fork.well", true);
        let Some(expected) = place(name).expected() else { continue };
        run.says("unload.owner", number(expected));
        let resident: u32 = run.fact("unload.resident");
        if expected == Expected::Perseq {
            // The library holds the areas of its threads, so it stays.
            assert_eq!(resident, run.fact::<u32>("unload.rounds"), "{run}");
        } else {
            assert_eq!(resident, 0, "{run}");
        }
        if expected == Expected::Libc {
            assert_ne!(run.fact::<u32>("sleepers.held"), 0, "there was something to be left behind: {run}");
        }
    }
}

#[test]
fn a_library_that_leaves_a_descriptor_behind_kills_the_process() {
    if place("dynamic").expected() != Some(Expected::Libc) {
        return;
    }
    let run = Run::of(&mut host(None, "unload_carelessly", &[&plugin()]));
    run.says("sleepers.resident", 0);
    assert_ne!(run.fact::<u32>("sleepers.dangling"), 0, "{run}");
    assert_eq!(run.signal(), Some(libc::SIGSEGV), "{run}");
    assert!(!run.mentions("survived"), "{run}");
}

#[test]
fn a_library_may_be_unloaded_while_threads_that_used_it_end() {
    let plugin = plugin();
    for (_, variable) in OWNERS {
        let run = Run::well(&mut host(variable, "unload_while_threads_end", &[&plugin]));
        run.agrees("ended.well", "ended.threads");
    }
}

#[test]
fn a_library_may_be_unloaded_while_threads_are_in_sections_of_another() {
    let plugin = plugin();
    for (_, variable) in OWNERS {
        let run = Run::well(&mut host(variable, "unload_beside", &[&plugin, &second(&plugin)]));
        run.agrees("second.counter", "second.added");
        run.agrees("second.slots", "second.added");
    }
}

#[test]
fn a_process_may_end_while_threads_are_in_sections_of_a_library() {
    let plugin = plugin();
    for (_, variable) in OWNERS {
        let run = Run::well(&mut host(variable, "exit", &[&plugin]));
        run.says("exit.busy", true);
    }
}

#[test]
fn two_copies_in_one_process_serve_the_same_threads() {
    let plugin = plugin();
    for (name, variable) in OWNERS {
        let run = Run::well(&mut host(variable, "two", &[&plugin, &second(&plugin)]));
        for copy in ["first", "second"] {
            run.agrees(&format!("{copy}.counter"), &format!("{copy}.added"));
            run.agrees(&format!("{copy}.slots"), &format!("{copy}.added"));
        }
        let Some(expected) = place(name).expected() else { continue };
        run.says("first.owner", number(expected));
        // The kernel knows one area a thread: if it is the first copy's own, the second gets none.
        let second = if expected == Expected::Perseq { 0 } else { number(expected) };
        run.says("second.owner", second);
    }
}

#[test]
fn two_versions_in_one_program_serve_the_same_threads() {
    let program = Fixture::program("versions", "versions").build();
    for (name, variable) in OWNERS {
        let run = Run::well(Command::new(&program).envs(variable));
        for version in ["old", "new"] {
            run.agrees(&format!("{version}.counter"), &format!("{version}.added"));
            run.agrees(&format!("{version}.slots"), &format!("{version}.added"));
        }
        if place(name).expected() == Some(Expected::Libc) {
            run.says("old.owner", "Libc".to_string());
            run.says("new.owner", "Libc".to_string());
        }
    }
}
