//! The harness finds sections that are wrong: each of these lacks one thing that makes a restartable sequence right.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "abort_injection/handwritten.rs"]
mod handwritten;

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicU64, Ordering};

use handwritten::Handwritten;
use perseq_tests::child;
use perseq_tests::inject::{Failure, Plan, Repeat, Scenario, Trap, permitted};
use perseq_tests::skip::{sequences_run, skip};

/// Adds 1, with interferences that add 1000, and checks the sum.
fn addition(section: &'static Handwritten) -> Scenario {
    Scenario::new("a handwritten addition", move |trap: &Trap| {
        let word = AtomicU64::new(0);
        trap.during(|| while !section.attempt(&word, 1) {}, &|| {
            word.fetch_add(1000, Ordering::Relaxed);
        });
        assert_eq!(word.into_inner(), 1 + 1000 * trap.interferences());
    })
}

/// What goes wrong at each instruction of a section and right after it, in their order.
fn failures(section: &'static Handwritten, repeat: Repeat) -> Option<Vec<Option<Failure>>> {
    if !sequences_run() {
        return None;
    }
    if let Err(why) = permitted() {
        skip("traps", why);
        return None;
    }
    let scenario = addition(section);
    let section = section.section();
    let attack = |at| scenario.attack(&Plan { section: &section, at, repeat, before: &[] }).failure;
    let instructions = section.instructions.iter().chain([&section.after]);
    Some(instructions.map(|instruction| attack(instruction.at)).collect())
}

fn broken(failure: &Option<Failure>) -> bool {
    matches!(failure, Some(Failure::Broken(_)))
}

#[test]
fn a_right_section_passes() {
    let Some(failures) = failures(&handwritten::RIGHT, Repeat::Once) else { return };
    assert!(failures.iter().all(Option::is_none), "{failures:?}");
}

#[test]
fn a_section_that_is_not_armed_loses_updates() {
    let Some(failures) = failures(&handwritten::NOT_ARMED, Repeat::Once) else { return };
    assert!(failures.iter().any(broken), "{failures:?}");
}

#[test]
fn an_abort_handler_that_pretends_success_loses_updates() {
    let Some(failures) = failures(&handwritten::PRETENDS, Repeat::Once) else { return };
    let (after, inside) = failures.split_last().expect("instructions");
    assert!(inside.iter().all(broken) && after.is_none(), "{failures:?}");
}

#[test]
fn a_section_that_ends_before_its_commit_loses_updates() {
    let Some(failures) = failures(&handwritten::ENDS_EARLY, Repeat::Once) else { return };
    let (commit, before) = failures.split_last().expect("instructions");
    assert!(broken(commit), "{failures:?}");
    assert!(before.iter().all(Option::is_none), "{failures:?}");
}

#[test]
fn a_section_that_ends_after_its_commit_applies_updates_twice() {
    let Some(failures) = failures(&handwritten::ENDS_LATE, Repeat::Once) else { return };
    let [others @ .., last, after] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(broken(last) && after.is_none(), "{failures:?}");
    assert!(others.iter().all(Option::is_none), "{failures:?}");
}

#[test]
fn a_retry_without_bound_is_found_out() {
    let Some(failures) = failures(&handwritten::RIGHT, Repeat::Always) else { return };
    let (after, inside) = failures.split_last().expect("instructions");
    assert!(inside.iter().all(|failure| matches!(failure, Some(Failure::Endless))), "{failures:?}");
    assert!(after.is_none(), "{failures:?}");
}

#[test]
fn a_wrong_signature_before_the_abort_handler_is_fatal() {
    const NAME: &str = "a_wrong_signature_before_the_abort_handler_is_fatal";
    if child::is_child(NAME) {
        child::expect_to_die();
        failures(&handwritten::WRONG_SIGNATURE, Repeat::Once);
        return;
    }
    if failures(&handwritten::RIGHT, Repeat::Once).is_none() {
        return;
    }
    let ended = child::run(NAME, &[]);
    assert_eq!(ended.status.signal(), Some(libc::SIGSEGV), "{ended:?}");
}
