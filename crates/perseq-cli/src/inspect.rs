//! `perseq inspect`: the critical sections of a file, as [`perseq_inspect`] finds them.

use std::fs;

use perseq_inspect::{Binary, Parts, Report, Violation};
use serde_json::json;

use crate::args::InspectArgs;
use crate::output::{self, Failure};

/// Prints the sections, or what is wrong with them.
pub fn run(options: &InspectArgs) -> Result<(), Failure> {
    let input = |error: Box<dyn std::error::Error>| Failure::Input { path: options.file.clone(), error };
    // Read rather than mapped: a mapped file that somebody changes meanwhile is undefined behaviour, and one that is cut short
    // SIGBUS; 100 MiB take some hundredths of a second.
    let data = fs::read(&options.file).map_err(|error| input(error.into()))?;
    let binary = Binary::parse(&data).map_err(|error| input(error.into()))?;
    let inspection = Inspection { options, binary };
    if options.verify { inspection.verify() } else { inspection.show() }
}

struct Inspection<'d> {
    options: &'d InspectArgs,
    binary: Binary<'d>,
}

impl Inspection<'_> {
    fn reports(&self) -> impl Iterator<Item = Report> {
        self.binary.sections().iter().map(|section| self.binary.report(section))
    }

    /// What is to be said of a file without sections.
    fn none(&self) -> String {
        format!("{}: no critical sections", self.options.file.display())
    }

    fn show(&self) -> Result<(), Failure> {
        let parts = Parts::default().disassembly(self.options.disassemble);
        for report in self.reports() {
            if self.options.json {
                output::print(self.binary.json(&report, parts))?;
            } else {
                output::print(format_args!("{}\n", self.binary.text(&report, parts)))?;
            }
        }
        self.show_arrays()?;
        if self.options.json {
            return Ok(());
        }
        match self.binary.sections().len() {
            0 => output::print(self.none()),
            1 => output::print(format_args!("1 critical section of {}", self.binary.architecture())),
            all => output::print(format_args!("{all} critical sections of {}", self.binary.architecture())),
        }
    }

    fn verify(&self) -> Result<(), Failure> {
        let parts = Parts::default().disassembly(self.options.disassemble);
        let (mut violations, mut broken) = (0, 0);
        for report in self.reports().filter(|report| !report.violations.is_empty()) {
            broken += 1;
            violations += report.violations.len();
            if self.options.json {
                output::print(self.binary.json(&report, parts))?;
                continue;
            }
            for violation in &report.violations {
                self.print(violation, &self.binary.place(&report, violation))?;
            }
            if self.options.disassemble {
                output::print(self.binary.text(&report, parts))?;
            }
        }
        violations += self.binary.violations().len();
        self.show_arrays()?;
        let all = self.binary.sections().len();
        let file = self.options.file.display();
        match (violations, all) {
            (0, _) if self.options.json => Ok(()),
            (0, 0) => output::print(self.none()),
            (0, _) => output::print(format_args!("{file}: {all} critical sections keep the rules")),
            _ => Err(Failure::Violations(format!(
                "{file}: {violations} violations, in {broken} of {all} critical sections"
            ))),
        }
    }

    /// Prints what is wrong with the arrays, rather than with a section.
    fn show_arrays(&self) -> Result<(), Failure> {
        let violations = self.binary.violations();
        if !self.options.json {
            return violations.iter().try_for_each(|it| self.print(it, &format!("{:#x}", it.at)));
        }
        if violations.is_empty() {
            return Ok(());
        }
        let violations = violations.iter().map(|it| {
            json!({ "rule": it.rule.name(), "at": format!("{:#x}", it.at), "explanation": it.explanation })
        });
        output::print(json!({ "start_ip": null, "violations": violations.collect::<Vec<_>>() }))
    }

    fn print(&self, violation: &Violation, place: &str) -> Result<(), Failure> {
        let Violation { rule, explanation, .. } = violation;
        output::print(format_args!("{}: {place}: {rule}: {explanation}", self.options.file.display()))
    }
}
