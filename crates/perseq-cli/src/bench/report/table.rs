//! The table for people, at most 100 columns wide.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, LineStyle, Table};

use super::{Report, kib, list, times};
use crate::machine::Machine;

/// The width that must not be exceeded.
const WIDTH: usize = 100;

/// What stands above the first table.
pub fn heading(machine: &Machine) -> String {
    let mut text = String::new();
    for (name, value) in machine.facts() {
        paragraph(&mut text, &format!("{name:<9} "), &value);
    }
    text
}

/// A group's table, with its notes. In a terminal our own rows are bold.
pub fn text(report: &Report, terminal: bool) -> String {
    let group = &report.group;
    let mut text = format!("{}: {}\n", group.name, group.about);
    let reference = group.reference;
    let _ = writeln!(
        text,
        "ns per operation and thread; spread: between the quartiles; ×: median over that of {reference}"
    );
    text.push('\n');
    for line in table(report).lines() {
        let line = line.trim_end();
        if terminal && line.trim_start().starts_with("perseq") {
            let _ = writeln!(text, "\x1b[1m{line}\x1b[0m");
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    text.push('\n');
    below(&mut text, report);
    text
}

/// The rows, a blank line between those that do not compare.
fn table(report: &Report) -> Table {
    let published = report.published_on();
    let decimals = report.decimals();
    let mut head: Vec<String> =
        ["name", "variant", "threads", "median", "min", "spread", "×"].map(str::to_owned).to_vec();
    head.extend(published.iter().map(|machine| machine.short().to_owned()));
    let blank = vec![String::new(); head.len()];

    let mut table = Table::new();
    table.load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─'))).set_header(head);
    for (index, heat) in report.heats().iter().enumerate() {
        if index > 0 {
            table.add_row(blank.clone());
        }
        for (row, summary) in &heat.rows {
            let mut cells = vec![
                row.name.to_owned(),
                row.variant.to_owned(),
                row.threads.to_string(),
                format!("{:.decimals$}", summary.median),
                format!("{:.decimals$}", summary.min),
                format!("{:.0} %", summary.spread() * 100.0),
                row.ratio.map_or_else(String::new, times),
            ];
            let figure = |ns: f64| format!("{ns:.1}");
            cells.extend(
                published.iter().map(|&machine| row.published_on(machine).map_or(String::new(), figure)),
            );
            table.add_row(cells);
        }
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// What stands below the table.
fn below(text: &mut String, report: &Report) {
    for memory in &report.memory {
        let value = match &memory.bytes {
            Ok(bytes) => kib(*bytes),
            Err(reason) => reason.clone(),
        };
        paragraph(text, "  memory   ", &format!("{} ({}): {value}", memory.about, memory.name));
    }
    let published = report.published_on();
    if let Some(machine) = published.first() {
        let names: Vec<String> =
            published.iter().map(|machine| format!("{}: {}", machine.short(), machine.name())).collect();
        paragraph(
            text,
            "  published ",
            &format!("ns on one thread. {}. {}.", names.join("; "), machine.source()),
        );
    }
    for (reason, names) in report.skipped() {
        paragraph(text, "  skipped  ", &format!("{}: {reason}", list(&names)));
    }
    for note in &report.notes {
        paragraph(text, "  note     ", note);
    }
    if report.noise.is_noisy() {
        paragraph(
            text,
            "! ",
            &format!("NOISY MACHINE: {}. Do not trust small differences.", list(&report.noise.reasons)),
        );
    } else {
        paragraph(
            text,
            "  quiet    ",
            &format!("an unchanging loop varied by {:.1} % meanwhile", report.noise.spread * 100.0),
        );
    }
}

/// Adds `words`, broken into lines that leave room for `prefix`, which stands before the first of them.
fn paragraph(text: &mut String, prefix: &str, words: &str) {
    let indent = prefix.chars().count();
    let mut line = prefix.to_owned();
    let mut width = indent;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if width > indent && width + 1 + length > WIDTH {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(indent);
            width = indent;
        }
        if width > indent {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += length;
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn the_table_fits_and_shows_every_figure() {
        let text = text(&fixtures::report(), false);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        for word in
            ["sched_getcpu_lock_add", "900.00", "450.00", "31.4", "E5-2630v3", "2 KiB", "NOISY MACHINE"]
        {
            assert!(text.contains(word), "{word} is missing in\n{text}");
        }
        assert!(text.contains("rdpid/same: no such instruction"));
    }

    #[test]
    fn columns_are_aligned() {
        let text = text(&fixtures::report(), false);
        let column = |line: &str| line.find("1.00").map(|at| line[..at].chars().count());
        let ends: Vec<usize> =
            text.lines().filter(|line| line.starts_with("perseq ")).filter_map(column).collect();
        assert_eq!(ends.len(), 2);
        assert_eq!(ends[0], ends[1]);
    }

    #[test]
    fn only_a_terminal_gets_escape_sequences() {
        assert!(!text(&fixtures::report(), false).contains('\x1b'));
        assert!(text(&fixtures::report(), true).contains("\x1b[1m"));
    }

    #[test]
    fn paragraphs_are_broken_between_words() {
        let mut text = String::new();
        paragraph(&mut text, "ab ", &"word ".repeat(30));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(text.split_whitespace().filter(|&word| word == "word").count(), 30);
        assert!(text.lines().nth(1).unwrap().starts_with("   word"));
    }
}
