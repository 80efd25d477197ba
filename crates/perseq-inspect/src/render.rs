//! Reports as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::{Binary, Exit, Found, Report, Store};

/// What of a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parts {
    /// The instructions too.
    pub disassembly: bool,
}

impl Parts {
    /// The instructions too, or not.
    #[must_use]
    pub fn disassembly(self, disassembly: bool) -> Self {
        Self { disassembly }
    }
}

/// A report for people, as its `Display`.
pub struct Text<'b, 'd> {
    binary: &'b Binary<'d>,
    report: &'b Report,
    parts: Parts,
}

impl<'b, 'd> Text<'b, 'd> {
    pub(crate) fn new(binary: &'b Binary<'d>, report: &'b Report, parts: Parts) -> Self {
        Self { binary, report, parts }
    }
}

impl fmt::Display for Text<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { binary, report, parts } = self;
        let section = &report.section;
        f.write_str(&name(report))?;
        let mut line = |name: &str, value: fmt::Arguments<'_>| write!(f, "\n  {name:<20}{value}");
        if let Some(location) = binary.location(section) {
            line("source", format_args!("{}:{}", location.file, location.line))?;
        }
        line("start_ip", format_args!("{:#x}", section.start_ip))?;
        match &report.instructions {
            Some(instructions) => line(
                "post_commit_offset",
                format_args!("{:#x} ({} instructions)", section.post_commit_offset, instructions.len()),
            )?,
            None => line("post_commit_offset", format_args!("{:#x}", section.post_commit_offset))?,
        }
        line("abort_ip", format_args!("{:#x}{}", section.abort_ip, in_symbol(binary, section.abort_ip)))?;
        for exit in &report.exits {
            line("exit point", format_args!("{}", shown_exit(binary, report, exit)))?;
        }
        for store in &report.staged {
            line("staged", format_args!("{}", shown_store(store)))?;
        }
        if let Some(store) = &report.commit {
            line("commit", format_args!("{}", shown_store(store)))?;
        }
        let found = match section.found {
            Found::Listed => "listed in __rseq_cs_ptr_array",
            Found::InSection => "in __rseq_cs, not listed",
            Found::BySignature => "found by the signature before abort_ip",
        };
        line("descriptor", format_args!("{:#x}, {found}", section.descriptor))?;
        if let Some(before) = &report.before {
            line("armed by", format_args!("{}", before.text))?;
        }
        for note in &report.notes {
            line("note", format_args!("{note}"))?;
        }
        for violation in &report.violations {
            line("violation", format_args!("{}: {}", violation.rule, violation.explanation))?;
        }
        if parts.disassembly {
            for instruction in report.instructions.iter().flatten() {
                let offset = instruction.address.wrapping_sub(section.start_ip);
                write!(f, "\n  {:#12x}  +{offset:#05x}  {}", instruction.address, instruction.text)?;
                if let Some(to) = instruction.branches_to {
                    write!(f, "  → {}", destination(report, to))?;
                }
            }
        }
        Ok(())
    }
}

/// The place of a section, for people.
pub(crate) fn name(report: &Report) -> String {
    let symbol = report.symbol.as_ref().map(ToString::to_string);
    symbol.unwrap_or_else(|| format!("{:#x}", report.section.start_ip))
}

fn in_symbol(binary: &Binary<'_>, address: u64) -> String {
    binary.symbol(address).map_or_else(String::new, |symbol| format!(" in {symbol}"))
}

fn destination(report: &Report, to: u64) -> String {
    let section = &report.section;
    if section.contains(to) {
        format!("+{:#x}", to.wrapping_sub(section.start_ip))
    } else if to == section.abort_ip {
        "the abort handler".into()
    } else if to == section.end() {
        "the end".into()
    } else {
        format!("{to:#x}")
    }
}

fn shown_exit(binary: &Binary<'_>, report: &Report, exit: &Exit) -> String {
    let to = destination(report, exit.to);
    let symbol = if to.starts_with("0x") { in_symbol(binary, exit.to) } else { String::new() };
    let declared = if exit.declared { "" } else { ", not declared" };
    format!("{:#x} → {to}{symbol}{declared}", exit.from)
}

fn shown_store(store: &Store) -> String {
    let bytes = match store.bytes {
        0 => String::new(),
        1 => "1 byte ".into(),
        bytes => format!("{bytes} bytes "),
    };
    let on_stack = if store.on_stack { ", on the stack" } else { "" };
    format!("{:#x}: {bytes}to {}{on_stack}", store.at, store.target)
}

/// Addresses are strings: a number in JSON may lose bits.
fn hex(address: u64) -> String {
    format!("{address:#x}")
}

pub(crate) fn json(binary: &Binary<'_>, report: &Report, parts: Parts) -> Value {
    let section = &report.section;
    let location = binary.location(section);
    let store = |store: &Store| {
        json!({
            "at": hex(store.at), "bytes": store.bytes, "target": store.target, "on_stack": store.on_stack,
        })
    };
    let exit = |exit: &Exit| json!({ "from": hex(exit.from), "to": hex(exit.to), "declared": exit.declared });
    let found = match section.found {
        Found::Listed => "listed",
        Found::InSection => "section",
        Found::BySignature => "signature",
    };
    let mut object = json!({
        "start_ip": hex(section.start_ip),
        "symbol": report.symbol.as_ref().map(|symbol| &symbol.name),
        "symbol_offset": report.symbol.as_ref().map(|symbol| symbol.offset),
        "file": location.map(|location| &location.file),
        "line": location.map(|location| location.line),
        "post_commit_offset": section.post_commit_offset,
        "instructions": report.instructions.as_ref().map(Vec::len),
        "abort_ip": hex(section.abort_ip),
        "exit_points": report.exits.iter().map(exit).collect::<Vec<_>>(),
        "staged": report.staged.iter().map(store).collect::<Vec<_>>(),
        "commit": report.commit.as_ref().map(store),
        "descriptor": hex(section.descriptor),
        "version": section.version,
        "flags": section.flags,
        "found": found,
        "armed_by": report.before.as_ref().map(|before| &before.text),
        "notes": report.notes,
        "violations": report.violations.iter().map(violation).collect::<Vec<_>>(),
    });
    if parts.disassembly {
        let instructions = report.instructions.as_ref().map(|instructions| {
            let all = instructions.iter().map(|instruction| {
                json!({
                    "at": hex(instruction.address),
                    "text": instruction.text,
                    "branches_to": instruction.branches_to.map(hex),
                })
            });
            all.collect::<Vec<_>>()
        });
        object["disassembly"] = json!(instructions);
    }
    object
}

fn violation(violation: &crate::Violation) -> Value {
    json!({ "rule": violation.rule.name(), "at": hex(violation.at), "explanation": violation.explanation })
}
