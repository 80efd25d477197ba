//! Every scenario against every instruction of every section it reaches.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sections::{Instruction, Section};
use super::trap::{Plan, Repeat, Trap, Watch};

/// Held while code is patched: that concerns every thread.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation under attack: a function that makes its data, runs the operation under [`Trap::during`] with an interference,
/// and asserts what must hold afterwards, given that the interference ran [`Trap::interferences`] times.
pub struct Scenario {
    name: String,
    run: Box<dyn Fn(&Trap)>,
}

impl Scenario {
    /// A scenario under a name for reports.
    pub fn new(name: impl Into<String>, run: impl Fn(&Trap) + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Runs it under `plan`, alone: another attack at the same time would write to the same code.
    #[must_use]
    pub fn attack(&self, plan: &Plan<'_>) -> Outcome {
        let _alone = alone();
        self.attack_alone(plan)
    }

    /// [`attack`](Self::attack), while the caller sees to it that nothing else does.
    fn attack_alone(&self, plan: &Plan<'_>) -> Outcome {
        let trap = match Trap::by(plan) {
            Ok(trap) => trap,
            Err(error) => {
                return Outcome { hits: 0, failure: Some(Failure::NoTrap(error.to_string())) };
            }
        };
        let held = catch_unwind(AssertUnwindSafe(|| (self.run)(&trap)));
        let failure = match held {
            Err(panic) => Some(Failure::Broken(message(&*panic))),
            Ok(()) if trap.astray() > 0 => Some(Failure::Astray),
            Ok(()) if trap.endless() => Some(Failure::Endless),
            Ok(()) => None,
        };
        Outcome { hits: trap.on_target(), failure }
    }
}

/// How one run of a scenario went.
#[derive(Debug)]
pub struct Outcome {
    /// How often the instruction aimed at was reached.
    pub hits: u64,
    /// What went wrong.
    pub failure: Option<Failure>,
}

/// What can go wrong in a run of a scenario.
#[derive(Debug)]
pub enum Failure {
    /// An assertion of the scenario failed: an operation took effect not at all, in part, or twice.
    Broken(String),
    /// A section went on although a signal was delivered inside it, or aborted although it had ended.
    Astray,
    /// The operation is attempted again beyond any bound.
    Endless,
    /// The kernel does not let the code be written.
    NoTrap(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => f.write_str(why),
            Self::Astray => {
                f.write_str("the section went on where it should have aborted, or the other way round")
            }
            Self::Endless => f.write_str("it is attempted again without end"),
            Self::NoTrap(error) => write!(f, "no trap: {error}"),
        }
    }
}

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Report {
    /// Sections that were attacked.
    pub sections: usize,
    /// Instructions of all sections.
    pub instructions: usize,
    /// Aborts at instructions that were aimed at.
    pub aborts: u64,
    /// What is wrong, one line each.
    pub failures: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sections, instructions, aborts, failures } = self;
        let each = *instructions as f64 / (*sections).max(1) as f64;
        write!(f, "{sections} sections × {each:.1} instructions ({instructions}), {aborts} aborts injected")?;
        match failures.len() {
            0 => Ok(()),
            failed => write!(f, ", {failed} failures"),
        }
    }
}

/// How many sections may have to abort for another to be reached.
const BEFORE: usize = 3;
/// How often an instruction is tried to be reached: the scheduler may abort a section before it comes there.
const TRIES: usize = 3;

/// How a scenario reaches a section: after these have aborted.
struct Route<'s> {
    scenario: &'s Scenario,
    before: Vec<&'s Section>,
}

/// Interferes at each instruction of those among `sections` that are `attacked` and right after each, once and always, in each
/// of `scenarios` that reaches it.
#[must_use]
pub fn sweep(
    sections: &[Section],
    mut attacked: impl FnMut(&Section) -> bool,
    scenarios: &[Scenario],
) -> Report {
    let mut report = Report::default();
    let _alone = alone();
    let visits = match visits(sections, scenarios) {
        Ok(visits) => visits,
        Err(error) => {
            report.failures.push(Failure::NoTrap(error.to_string()).to_string());
            return report;
        }
    };
    let (mut reached, mut unreached) = (HashSet::new(), Vec::new());
    for (number, section) in sections.iter().enumerate().filter(|(_, section)| attacked(section)) {
        report.sections += 1;
        report.instructions += section.instructions.len();
        let routes: Vec<Route<'_>> = scenarios
            .iter()
            .zip(&visits)
            .filter_map(|(scenario, visits)| route(sections, number, scenario, visits))
            .collect();
        if routes.is_empty() {
            report.failures.push(format!("no scenario reaches {}", section.name));
            continue;
        }
        // Counted from the end, where sections of the same sequence are alike.
        for (from_end, instruction) in section.instructions.iter().chain([&section.after]).rev().enumerate() {
            let place = (section.name.sequence.as_str(), from_end);
            if (0..TRIES).any(|_| report.attack(section, instruction, &routes)) {
                reached.insert(place);
            } else {
                let failure = format!("no scenario reaches {instruction} of {}", section.name);
                unreached.push((place, failure));
            }
        }
    }
    // A copy of words has no use for the loop over bytes; where the same sequence copies something else, it has.
    unreached.retain(|(place, _)| !reached.contains(place));
    report.failures.extend(unreached.into_iter().map(|(_, failure)| failure));
    report
}

impl Report {
    /// Interferes at one instruction, by every route; says whether it was reached.
    fn attack(&mut self, section: &Section, instruction: &Instruction, routes: &[Route<'_>]) -> bool {
        let mut hits = 0;
        for repeat in [Repeat::Once, Repeat::Always] {
            for route in routes {
                let plan = Plan { section, at: instruction.at, repeat, before: &route.before };
                let outcome = route.scenario.attack_alone(&plan);
                hits += outcome.hits;
                self.failures.extend(outcome.failure.map(|why| {
                    let (scenario, name) = (&route.scenario.name, &section.name);
                    format!("{scenario}, interrupted {repeat} at {instruction} of {name}: {why}")
                }));
            }
        }
        if section.descriptor.contains(instruction.at) {
            self.aborts += hits;
        }
        hits > 0
    }
}

/// The sections that each scenario enters when everything aborts, in order. Before, it runs undisturbed, so that what is made on
/// first use is not among them.
fn visits(sections: &[Section], scenarios: &[Scenario]) -> io::Result<Vec<Vec<usize>>> {
    for scenario in scenarios {
        (scenario.run)(&Trap::nowhere());
    }
    let watch = Watch::over(sections)?;
    Ok(scenarios.iter().map(|scenario| watch.visits(|trap| (scenario.run)(trap))).collect())
}

/// How `scenario` reaches section `number`, if it does: the fewest of the sections entered before it that have to abort.
fn route<'s>(
    sections: &'s [Section],
    number: usize,
    scenario: &'s Scenario,
    visits: &[usize],
) -> Option<Route<'s>> {
    let first = visits.iter().position(|&visit| visit == number)?;
    let mut entered: Vec<usize> = Vec::new();
    for &visit in visits[..first].iter().rev() {
        if !entered.contains(&visit) {
            entered.push(visit);
        }
    }
    let before: Vec<&Section> = entered.iter().take(BEFORE).map(|&visit| &sections[visit]).collect();
    let section = &sections[number];
    (0..=before.len()).find_map(|needed| {
        let before = &before[..needed];
        let plan = Plan { section, at: section.descriptor.start_ip, repeat: Repeat::Once, before };
        // Once could be the scheduler's doing: it aborts sections too.
        let reached = (0..TRIES).filter(|_| scenario.attack_alone(&plan).hits > 0).count();
        (reached > TRIES / 2).then(|| Route { scenario, before: before.to_vec() })
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic".into())
}
