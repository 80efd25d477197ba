//! `perseq bench`: measures the groups one after another and reports each.
//!
//! | module | what it holds |
//! |---|---|
//! | [`group`] | what a group is made of |
//! | [`groups`] | the groups, one file each |
//! | [`hot`], [`lanes`], [`arch`] | what their contestants are written with |
//! | [`engine`] | the measuring |
//! | [`memory`] | what things cost in memory |
//! | [`peers`] | where those peers are that are no crates |
//! | [`report`] | table, JSON and HTML |

mod arch;
mod engine;
mod group;
pub mod groups;
mod hot;
mod lanes;
mod memory;
mod objects;
mod peers;
mod report;

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::BenchArgs;
use crate::machine::Machine;
use crate::output::{self, Failure};
use engine::{Effort, Progress};
use group::{Group, Setup, Threads};
use report::{Report, html, json, table};

/// Rounds at most, in full and in quick mode.
const ROUNDS: [usize; 2] = [1000, 200];
/// The time for all groups together.
const ALL_GROUPS: [Duration; 2] = [Duration::from_secs(150), Duration::from_secs(12)];
/// The time for one group at most.
const ONE_GROUP: [Duration; 2] = [Duration::from_secs(40), Duration::from_secs(4)];

/// Measures what is asked for, and reports it.
pub fn run(options: &BenchArgs) -> Result<(), Failure> {
    // A report that cannot be written is known before minutes are spent on it.
    let html = options.html.as_deref().map(open).transpose()?;
    let groups = chosen(&options.groups);
    let effort = effort(groups.len(), options.quick);
    let machine = Machine::here();
    let setup = Setup { cpus: machine.cpus.clone().into() };

    if options.json {
        output::print(machine.to_json())?;
    } else {
        output::print(table::heading(&machine))?;
    }
    let mut reports = Vec::new();
    for group in groups {
        let report = measure(group, &setup, effort).map_err(Failure::Wrong)?;
        if options.json {
            for line in json::lines(&report, options.raw) {
                output::print(line)?;
            }
        } else {
            output::print(table::text(&report, std::io::stdout().is_terminal()))?;
        }
        reports.push(report);
    }
    if let (Some(mut file), Some(path)) = (html, &options.html) {
        // What cannot be cut off, a pipe for instance, has nothing to be cut off.
        let _ = file.set_len(0);
        file.write_all(html::page(&machine, &reports).as_bytes()).map_err(failed(path))?;
        if !options.json {
            output::print(format_args!("report: {}", path.display()))?;
        }
    }
    Ok(())
}

/// Opens the file of the report, and leaves alone what may be in it until there is something better.
fn open(path: &Path) -> Result<File, Failure> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    |error| Failure::File { path, error }
}

/// The groups by these names, or all of them, each once and in the order of the reports.
fn chosen(names: &[String]) -> Vec<Group> {
    groups::ALL
        .iter()
        .filter(|group| names.is_empty() || names.iter().any(|name| name == group.name))
        .copied()
        .collect()
}

fn effort(groups: usize, quick: bool) -> Effort {
    let mode = usize::from(quick);
    let share = ALL_GROUPS[mode] / u32::try_from(groups.max(1)).unwrap_or(u32::MAX);
    Effort { rounds: ROUNDS[mode], time: share.min(ONE_GROUP[mode]) }
}

fn measure(group: Group, setup: &Setup, effort: Effort) -> Result<Report, String> {
    let mut field = (group.build)(setup);
    if setup.cpus.len() == 1 {
        // They would have the names of the rows on one thread.
        field.contestants.retain(|contestant| contestant.threads != Threads::All);
        field
            .notes
            .push("There is only one CPU to measure on, so nothing is measured on several.".to_owned());
    }
    let mut report = Report::new(group, &field, setup);
    let bar = progress_bar(group.name);
    let measured = engine::measure(field.contestants, &Arc::clone(&setup.cpus), effort, |progress| {
        bar.set_position(progress.done());
        // Seldom, because it takes its time from what is measured.
        std::thread::park_timeout(Duration::from_millis(200));
    });
    bar.finish_and_clear();
    report.fill(measured?);
    Ok(report)
}

/// A bar on standard error, if that is a terminal.
fn progress_bar(name: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(Progress::WHOLE), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix:>10} {wide_bar} {percent:>3} % {eta:>4} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(name);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_measured_once_and_in_their_order() {
        let names = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
            chosen(&asked).iter().map(|group| group.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["exclusive", "cpu", "cpu"]), ["cpu", "exclusive"]);
        assert_eq!(names(&[]).len(), groups::ALL.len());
    }

    #[test]
    fn many_groups_share_the_time() {
        assert_eq!(effort(1, false).time, ONE_GROUP[0]);
        assert_eq!(effort(10, false).time * 10, ALL_GROUPS[0]);
    }
}
