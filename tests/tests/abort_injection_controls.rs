//! The harness finds sections that are wrong: a right one is taken, and one thing that makes it right is taken away.
//!
//! What the kernel knows of a section is its descriptor, which lies in memory that can be written, and the signature in the
//! code. So the controls change those, and need no assembly of their own.
#![cfg(target_os = "linux")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use perseq::{PerCpu, sequence};
use perseq_abi::{RseqCs, SIGNATURE};
use perseq_tests::child;
use perseq_tests::cpus::Pinned;
use perseq_tests::inject::{Failure, Plan, Repeat, Scenario, Section, Trap, find, permitted};
use perseq_tests::limit::Limit;
use perseq_tests::skip::{sequences_run, skip};

struct Sum {
    value: u64,
}

sequence! {
    #[slow_path(add)]
    fn add_without_bound(sums: &PerCpu<Sum>, n: u64) {
        let value: u64 = sums.value;
        commit sums.value = value + n;
    }
}

/// The addition, attempted again until it succeeds. In one place, so that its first attempt has one section.
#[inline(never)]
fn add(sums: &PerCpu<Sum>, n: u64) {
    add_without_bound(sums, n);
}

/// Adds 1, with interferences that add 1000, and checks the sum.
fn addition() -> Scenario {
    Scenario::new("an addition", |trap: &Trap| {
        let pinned = Pinned::first();
        let sums = PerCpu::new(|_| Sum { value: 0 });
        // The first one registers the thread.
        add(&sums, 0);
        let value = sums.item(pinned.cpu).expect("its slot").as_ptr();
        // SAFETY: the slot of the CPU that this thread is kept on, whose section is not running while this does.
        trap.during(|| add(&sums, 1), &|| unsafe { (*value).value += 1000 });
        // SAFETY: nobody else has the slots.
        assert_eq!(unsafe { (*value).value }, 1 + 1000 * trap.interferences());
    })
}

/// One control at a time: they change the same section.
static ALONE: Mutex<()> = Mutex::new(());

/// Its descriptor is different until dropped.
struct Changed<'s>(&'s Section);

impl<'s> Changed<'s> {
    fn new(section: &'s Section, change: impl FnOnce(&mut RseqCs)) -> Self {
        let mut descriptor = section.descriptor;
        change(&mut descriptor);
        set(section, descriptor);
        Self(section)
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        set(self.0, self.0.descriptor);
    }
}

fn set(section: &Section, descriptor: RseqCs) {
    // SAFETY: a descriptor of this binary, in a section that can be written; no thread is in its section, as the controls run
    // one at a time.
    unsafe { (section.descriptor_at as *mut RseqCs).write_volatile(descriptor) };
}

/// The section that an undisturbed addition runs, and that of the attempts after it, if they can be attacked here.
fn sections() -> Option<(Section, Vec<Section>)> {
    if !sequences_run() {
        return None;
    }
    if let Err(why) = permitted() {
        skip("traps", why);
        return None;
    }
    let reached = |section: &Section| {
        let at = section.descriptor.start_ip;
        let attack = || addition().attack(&Plan { section, at, repeat: Repeat::Once, before: &[] });
        // The scheduler may abort a section before it comes there.
        (0..3).any(|_| attack().hits > 0)
    };
    let sections = find().into_iter();
    let ours = sections.filter(|section| section.name.sequence.ends_with("::add_without_bound"));
    let (mut first, again): (Vec<_>, _) = ours.partition(reached);
    Some((first.pop().expect("the section of the first attempt"), again))
}

/// What goes wrong at each instruction of the section and right after it, in their order, while its descriptor is changed. If
/// it aborts always, so do the attempts after the first.
fn failures(repeat: Repeat, change: impl FnOnce(&Section, &mut RseqCs)) -> Option<Vec<Option<Failure>>> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _limit = Limit::start(Duration::from_secs(120), "a control of abort injection");
    let (section, again) = sections()?;
    let again: Vec<&Section> = again.iter().filter(|_| repeat == Repeat::Always).collect();
    let _changed = Changed::new(&section, |descriptor| change(&section, descriptor));
    let attack = |at| addition().attack(&Plan { section: &section, at, repeat, before: &again }).failure;
    let instructions = section.instructions.iter().chain([&section.after]);
    Some(instructions.map(|instruction| attack(instruction.at)).collect())
}

fn broken(failure: &Option<Failure>) -> bool {
    matches!(failure, Some(Failure::Broken(_)))
}

#[test]
fn a_right_section_passes() {
    let Some(failures) = failures(Repeat::Once, |_, _| {}) else { return };
    assert!(failures.iter().all(Option::is_none), "{failures:?}");
}

#[test]
fn a_section_that_is_not_armed_loses_updates() {
    // A section of no length is one that nobody is ever in.
    let Some(failures) = failures(Repeat::Once, |_, descriptor| descriptor.post_commit_offset = 0) else {
        return;
    };
    assert!(failures.iter().any(broken), "{failures:?}");
}

#[test]
fn a_section_that_ends_before_its_commit_loses_updates() {
    let shorter = |section: &Section, descriptor: &mut RseqCs| {
        let commit = section.instructions.last().expect("instructions").at;
        descriptor.post_commit_offset = commit - descriptor.start_ip;
    };
    let Some(failures) = failures(Repeat::Once, shorter) else { return };
    let [before @ .., commit, after] = failures.as_slice() else { panic!("{failures:?}") };
    // Where the commit is a store-conditional, that has saved the update: the harness sees that the section went on all the same.
    let found = broken(commit) || cfg!(target_arch = "arm") && matches!(commit, Some(Failure::Astray));
    assert!(found && after.is_none(), "{failures:?}");
    assert!(before.iter().all(Option::is_none), "{failures:?}");
}

#[test]
fn a_section_that_ends_after_its_commit_applies_updates_twice() {
    let longer = |section: &Section, descriptor: &mut RseqCs| {
        // Where a thread is stopped behind the trap instead of at it, that is two bytes at most.
        descriptor.post_commit_offset = section.after.at + 3 - descriptor.start_ip;
    };
    let Some(failures) = failures(Repeat::Once, longer) else { return };
    let (after, inside) = failures.split_last().expect("instructions");
    assert!(broken(after), "{failures:?}");
    assert!(inside.iter().all(Option::is_none), "{failures:?}");
}

#[test]
fn a_retry_without_bound_is_found_out() {
    let Some(failures) = failures(Repeat::Always, |_, _| {}) else { return };
    let (after, inside) = failures.split_last().expect("instructions");
    assert!(inside.iter().all(|failure| matches!(failure, Some(Failure::Endless))), "{failures:?}");
    assert!(after.is_none(), "{failures:?}");
}

#[test]
fn a_wrong_signature_before_the_abort_handler_is_fatal() {
    const NAME: &str = "a_wrong_signature_before_the_abort_handler_is_fatal";
    let spoilt = child::is_child(NAME);
    let attacked = failures(Repeat::Once, |section, _| {
        if spoilt {
            child::expect_to_die();
            let code =
                OpenOptions::new().write(true).open("/proc/self/mem").expect("the memory of this process");
            let signature = (SIGNATURE ^ 1).to_ne_bytes();
            code.write_all_at(&signature, section.descriptor.abort_ip - 4).expect("code can be written");
        }
    });
    if attacked.is_none() {
        return;
    }
    assert!(!spoilt, "the kernel did not mind");
    let ended = child::run(NAME, &[]);
    assert_eq!(ended.status.signal(), Some(libc::SIGSEGV), "{ended:?}");
}
