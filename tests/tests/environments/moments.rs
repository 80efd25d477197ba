//! Unusual moments in the life of a thread, each in every place.

use perseq_tests::skip::skip;

use crate::place::{Expected, PLACES, Place};
use crate::run::Run;

/// Runs a scenario in every place and hands what it said to `check`.
#[track_caller]
fn everywhere(scenario: &str, variables: &[(&str, &str)], check: impl Fn(&Place, &Run)) {
    for place in &PLACES {
        if let Some(run) = place.run(scenario, variables) {
            check(place, &run);
        }
    }
}

/// Whether sections run in this place; `None` if this machine cannot tell.
fn active(place: &Place) -> Option<bool> {
    place.expected().map(|expected| !matches!(expected, Expected::Nobody(_)))
}

#[test]
fn a_signal_handler_may_be_the_first_to_use_it_in_a_thread() {
    everywhere("handler", &[], |place, run| {
        assert!(run.fact::<u32>("handler.handled") >= 50, "{run}");
        if let Some(active) = active(place) {
            run.says("handler.active", active);
        }
    });
}

#[test]
fn a_constructor_may_use_it_before_its_own_has_run() {
    everywhere("before_main", &[("BEFORE_MAIN", "1")], |place, run| {
        run.says("before_main.ran", true);
        if let Some(active) = active(place) {
            run.says("before_main.active", active);
        }
    });
}

#[test]
fn destructors_of_threads_may_use_it_after_its_own_has_run() {
    everywhere("teardown", &[], |place, run| {
        let threads: u32 = run.fact("teardown.threads");
        run.says("teardown.values", threads);
        run.says("teardown.keys", threads * run.fact::<u32>("teardown.rounds"));
        let told = match place.expected() {
            None => return,
            Some(Expected::Libc) => "none",
            // Unregistered by then, and not registered again: nobody would undo that.
            Some(Expected::Perseq) => "Ending",
            Some(Expected::Nobody(reason)) => reason,
        };
        run.says("teardown.told", told.to_string());
    });
}

#[test]
fn a_registration_of_our_own_is_undone_when_its_thread_ends() {
    everywhere("leaving", &[], |place, run| {
        let (before, after) = match place.expected() {
            None => return,
            // The control: an area that nobody unregisters is still registered at that moment.
            Some(Expected::Libc) => (true, true),
            Some(Expected::Perseq) => (true, false),
            Some(Expected::Nobody(_)) => (false, false),
        };
        run.says("leaving.before", before);
        run.says("leaving.after", after);
    });
}

#[test]
fn children_of_fork_find_every_gate_usable() {
    everywhere("fork", &[], |_, run| run.agrees("fork.good", "fork.children"));
}

#[test]
fn errno_is_left_alone() {
    everywhere("errno", &[], |_, run| {
        run.says("errno.kept", true);
        run.says("errno.fence", true);
        run.says("errno.status", true);
        // A call that fails changes it.
        run.says("errno.control", false);
    });
}

#[test]
fn a_thread_that_nobody_registered_is_not_taken_to_run_on_cpu_0() {
    everywhere("clone", &[], |place, run| {
        if !run.fact::<bool>("clone.made") {
            return;
        }
        run.says("clone.registered", false);
        let Some(expected) = place.expected() else { return };
        // Its own area can be registered, libc's is not and cannot be.
        run.says("clone.active", expected == Expected::Perseq);
        if run.fact::<u32>("clone.cpus") < 2 {
            skip("two CPUs", "the thread has to run on another CPU than 0");
        } else if expected == Expected::Libc {
            run.says("clone.claimed", 0);
            assert_ne!(run.fact::<u32>("clone.actual"), 0, "{run}");
            // The control: who believes the area shares a word that is not shared.
            assert_ne!(run.fact::<u64>("clone.lost_by_believing"), 0, "{run}");
        }
    });
}

#[test]
fn threads_made_in_a_sandbox_that_closed_later_are_not_taken_to_be_registered() {
    for place in &PLACES {
        // Elsewhere there are no such threads: glibc ends the process when it cannot register one.
        let Some(Expected::Perseq) = place.expected() else { continue };
        for scenario in ["sandboxed_by_eperm", "sandboxed_by_enosys"] {
            if let Some(run) = place.run(scenario, &[]) {
                run.says("sandboxed.active", 0);
            }
        }
    }
}
