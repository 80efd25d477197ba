//! Every instruction of every thread stepped, and what comes of it.

use std::process::Command;
use std::time::Duration;

use perseq_tests::skip::{say, sequences_run, skip};

use crate::program;
use crate::stepper::{self, Stepped};

/// Attempts that a sequence makes: one, and eight more.
const ATTEMPTS: u64 = 9;
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Steps through a program; `None` if that is forbidden here, or no sequences run.
fn step(command: &mut Command, limit: u64) -> Option<Stepped> {
    if !sequences_run() {
        return None;
    }
    match stepper::run(command, limit, PATIENCE) {
        Ok(stepped) => Some(stepped),
        Err(error) => {
            skip("ptrace", error);
            None
        }
    }
}

/// All attempts at all sections are aborted, and every result is right.
#[test]
fn a_whole_program_gets_through_while_it_is_stepped() {
    let Some(stepped) = step(Command::new(program("kinds")).arg("2"), u64::MAX) else { return };
    let status = stepped.status.unwrap_or_else(|| panic!("not done after {} steps", stepped.steps));
    assert!(
        status.success() && stepped.output.contains("sequences are right"),
        "{status}:\n{}",
        stepped.output
    );
    let (mut reached, mut attempts, mut stops) = (0, 0, 0);
    for (name, visits) in &stepped.sections {
        assert_eq!(visits.commits, 0, "{name} committed although a thread was stopped in its section");
        reached += usize::from(visits.attempts > 0);
        attempts += visits.attempts;
        stops += visits.stops;
    }
    // The compiler lays sections down again where a program never comes, as when it panics.
    assert!(reached > stepped.sections.len() * 9 / 10, "too few are reached: {:#?}", stepped.sections);
    say(format_args!(
        "single-stepping: {} steps, {stops} of them in {reached} of {} sections; {attempts} attempts, so about {} sequences took their slow path",
        stepped.steps,
        stepped.sections.len(),
        attempts / ATTEMPTS,
    ));
}

/// The control: without a bound, and a slow path behind it, stepping never ends.
#[test]
fn a_loop_without_a_bound_never_ends_while_it_is_stepped() {
    const MANY: u64 = 200_000;
    let program = program("forever");
    let at_full_speed = Command::new(&program).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&at_full_speed.stdout), "added 8, found 8\n");
    let Some(stepped) = step(&mut Command::new(&program), MANY) else { return };
    assert!(stepped.status.is_none() && stepped.steps == MANY, "it ended: {stepped:?}");
    let attempts: u64 = stepped.sections.iter().map(|(_, visits)| visits.attempts).sum();
    let commits: u64 = stepped.sections.iter().map(|(_, visits)| visits.commits).sum();
    assert!(attempts > MANY / 20 && commits == 0, "it did something else: {stepped:?}");
}
