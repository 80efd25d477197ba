//! Who owns the rseq area of a thread, by how the program is linked and what it finds; the sums are exact in any case.

use crate::place::{Expected, place};

/// Runs threads that add in a place, and compares what they are told about their registration.
#[track_caller]
fn check(name: &str) {
    let place = place(name);
    let Some(run) = place.run("threads", &[]) else { return };
    let Some(expected) = place.expected() else { return };
    let all: u64 = run.fact("threads.all");
    let (owner, reason, active) = match expected {
        Expected::Libc => ("Libc", "none", all),
        Expected::Perseq => ("Perseq", "none", all),
        Expected::Nobody(reason) => ("Nobody", reason, 0),
    };
    run.says("status.owner", owner.to_string());
    run.says("status.reason", reason.to_string());
    run.says("threads.active", active);
    let by_sections: u64 = run.fact("sums.by_sections");
    if active == 0 {
        assert_eq!(by_sections, 0, "no section was run: {run}");
    } else {
        // Almost everything; a thread may be aborted again and again.
        assert!(by_sections > run.fact::<u64>("sums.counted") / 2, "sections were run: {run}");
        assert!(run.fact::<u32>("status.registered") >= perseq_abi::ORIGINAL_SIZE, "{run}");
    }
}

#[test]
fn a_dynamic_program_uses_the_areas_of_glibc() {
    check("dynamic");
}

#[test]
fn a_static_program_uses_the_areas_of_glibc() {
    check("static");
}

#[test]
fn a_program_with_musl_registers_areas_of_its_own() {
    check("musl");
}

#[test]
fn a_program_registers_areas_of_its_own_where_glibc_is_told_not_to() {
    check("tunable");
    check("static tunable");
}

#[test]
fn perseq_off_in_the_environment_takes_the_slow_path() {
    check("off");
}

#[test]
fn a_filter_that_forbids_rseq_leads_to_the_slow_path() {
    check("rseq forbidden");
}

#[test]
fn a_filter_that_hides_rseq_leads_to_the_slow_path() {
    check("rseq unknown");
}

#[test]
fn a_filter_that_forbids_membarrier_leads_to_the_slow_path() {
    check("membarrier forbidden");
}

#[test]
fn a_filter_that_forbids_membarrier_later_makes_fences_slower_and_nothing_else() {
    for name in ["dynamic", "tunable", "static", "musl"] {
        let place = place(name);
        let Some(run) = place.run("later", &[]) else { continue };
        run.says("later.fence", true);
        if place.expected().is_some() {
            // Without any means left it is an error, not a fence that was none.
            run.says("later.without", false);
        }
    }
}
