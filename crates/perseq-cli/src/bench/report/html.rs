//! A page with charts: one file, no script, nothing fetched from anywhere.
//!
//! Every chart is a table whose rows carry a bar, so that it reads the same aloud as it looks.

use std::fmt::Write as _;

use super::{Heat, Report, kib, list, times};
use crate::machine::Machine;

const STYLE: &str = include_str!("html.css");

/// The whole page.
pub fn page(machine: &Machine, reports: &[Report]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>perseq bench: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1>perseq bench</h1>\n<dl>\n",
        escape(&machine.cpu)
    );
    for (name, value) in machine.facts() {
        let value = escape(&value);
        let value = if name == "command" { format!("<code>{value}</code>") } else { value };
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>\n</header>\n<main>\n");
    for report in reports {
        section(&mut page, report);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, report: &Report) {
    let group = &report.group;
    let _ = writeln!(
        page,
        "<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\"><span>{0}</span> {1}</h2>",
        escape(group.name),
        escape(group.about)
    );
    let _ = writeln!(
        page,
        "<p class=\"unit\">Nanoseconds per operation and thread; less is better. A bar ends at the median; the thin \
         line there spans the middle half of the samples. × is the median over that of <code>{}</code>.</p>",
        escape(group.reference)
    );
    if report.noise.is_noisy() {
        let _ = writeln!(
            page,
            "<p class=\"noisy\" role=\"note\"><strong>Noisy machine:</strong> {}. Do not trust small differences.</p>",
            escape(&list(&report.noise.reasons))
        );
    }
    page.push_str("<div class=\"charts\">\n");
    for heat in report.heats() {
        chart(page, report, &heat);
    }
    page.push_str("</div>\n");
    notes(page, report);
    page.push_str("</section>\n");
}

fn chart(page: &mut String, report: &Report, heat: &Heat<'_>) {
    let published: Vec<_> = report
        .published_on()
        .into_iter()
        .filter(|&machine| heat.rows.iter().any(|(row, _)| row.published_on(machine).is_some()))
        .collect();
    let decimals = report.decimals();
    // Room for the whiskers, but not for every interruption.
    let longest = heat.rows.iter().map(|(_, summary)| summary.median).fold(f64::MIN_POSITIVE, f64::max);
    let part = |ns: f64| (ns / longest * 100.0).clamp(0.0, 100.0);

    let _ = write!(
        page,
        "<table>\n<caption>{}</caption>\n<thead><tr><th scope=\"col\">name</th><td class=\"bar\" aria-hidden=\"true\"></td>\
         <th scope=\"col\">median</th><th scope=\"col\" class=\"min\">min</th><th scope=\"col\">×</th>",
        escape(&heat.title())
    );
    for machine in &published {
        let _ = write!(page, "<th scope=\"col\" class=\"published\">{}</th>", machine.short());
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (row, summary) in &heat.rows {
        let ours = if row.is_ours() { " class=\"ours\"" } else { "" };
        let ratio = row.ratio.map_or_else(String::new, times);
        let _ = write!(
            page,
            "<tr{ours}><th scope=\"row\">{}</th><td class=\"bar\" aria-hidden=\"true\"><span>\
             <i style=\"width:{:.2}%\"></i><b style=\"left:{:.2}%;width:{:.2}%\"></b></span></td>\
             <td>{:.decimals$}</td><td class=\"min\">{:.decimals$}</td><td>{ratio}</td>",
            escape(row.name),
            part(summary.median),
            part(summary.p25),
            part(summary.p75) - part(summary.p25),
            summary.median,
            summary.min,
        );
        for &machine in &published {
            let figure = row.published_on(machine).map_or_else(String::new, |ns| format!("{ns:.1}"));
            let _ = write!(page, "<td class=\"published\">{figure}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
}

fn notes(page: &mut String, report: &Report) {
    page.push_str("<ul class=\"notes\">\n");
    for memory in &report.memory {
        let value = match &memory.bytes {
            Ok(bytes) => kib(*bytes),
            Err(reason) => escape(reason),
        };
        let _ = writeln!(
            page,
            "<li>Memory of {} (<code>{}</code>): <strong>{value}</strong></li>",
            escape(memory.about),
            escape(memory.name)
        );
    }
    let published = report.published_on();
    if let Some(first) = published.first() {
        let names: Vec<String> =
            published.iter().map(|machine| format!("{} is {}", machine.short(), machine.name())).collect();
        let _ = writeln!(
            page,
            "<li>Published figures, on one thread: {}. Source: {}.</li>",
            escape(&names.join("; ")),
            escape(first.source())
        );
    }
    for (reason, names) in report.skipped() {
        let _ = writeln!(page, "<li>Skipped {}: {}</li>", escape(&list(&names)), escape(reason));
    }
    for note in &report.notes {
        let _ = writeln!(page, "<li>{}</li>", code(&escape(note)));
    }
    if !report.noise.is_noisy() {
        let _ = writeln!(
            page,
            "<li>An unchanging loop varied by {:.1} % meanwhile.</li>",
            report.noise.spread * 100.0
        );
    }
    page.push_str("</ul>\n");
}

/// `text` as the content of an element or of a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// What stands between backquotes, as code.
fn code(escaped: &str) -> String {
    let mut text = String::with_capacity(escaped.len());
    for (index, part) in escaped.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(text, "<code>{part}</code>");
        } else {
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn machine() -> Machine {
        Machine { command: "perseq bench --html '<b>&'".to_owned(), ..Machine::here() }
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
        let page = page(&machine(), &[fixtures::report()]);
        assert!(page.contains("Adding &lt;1&gt; &amp; more"));
        assert!(page.contains("&#39;&lt;b&gt;&amp;&#39;") && !page.contains("<b>&'"));
    }

    #[test]
    fn code_in_notes_is_marked() {
        assert_eq!(code("a `b` c"), "a <code>b</code> c");
    }

    #[test]
    fn the_page_is_complete_in_itself() {
        let page = page(&machine(), &[fixtures::report()]);
        for outside in ["http:", "https:", "url(", "@import", "<script", "<link", "src="] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(page.ends_with("</html>\n"));
    }

    #[test]
    fn every_figure_and_every_warning_is_on_the_page() {
        let page = page(&machine(), &[fixtures::report()]);
        for text in
            ["450.00", "same, 16 threads", "Noisy machine", "Skipped rdpid/same", "2 KiB", "E5-2630v3"]
        {
            assert!(page.contains(text), "{text}");
        }
        assert_eq!(page.matches("<table>").count(), 2);
    }

    #[test]
    fn bars_are_in_proportion() {
        let page = page(&machine(), &[fixtures::report()]);
        assert!(page.contains("width:100.00%") && page.contains("width:16.67%"));
    }
}
