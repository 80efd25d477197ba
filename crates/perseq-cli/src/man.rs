//! The manual pages, one for the command and one for each subcommand, committed under `man/` so that they can be installed from
//! the source as they are.
//!
//! A page is made of what clap knows (name, synopsis, options, subcommands) and of what a person wrote, which is in
//! `man/NAME.1.in`: a first line with the page's date, [`DESCRIPTION`](SECTIONS), which is put before the options, and the
//! other [`SECTIONS`] behind them. A subcommand without such a file, or with one that lacks a section, fails the test.
//!
//! `PERSEQ_BLESS=1 cargo test -p perseq-cli man` rewrites the pages.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::Args;

/// What a person has to write for each page, in this order.
const SECTIONS: [&str; 5] = ["DESCRIPTION", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// The command and all that is below it, but what is hidden, by the names of their pages.
fn commands() -> BTreeMap<String, Command> {
    fn walk(command: &Command, found: &mut BTreeMap<String, Command>) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        found.insert(name.to_owned(), command.clone());
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            walk(below, found);
        }
    }
    let mut root = Args::command().disable_help_subcommand(true);
    root.build();
    let mut found = BTreeMap::new();
    walk(&root, &mut found);
    found
}

/// The date, the description and the other sections of a page, as they were written; or what is wrong with them.
fn written(text: &str) -> Result<(&str, &str, &str), String> {
    let (first, text) = text.split_once('\n').unwrap_or_default();
    let date = first.strip_prefix(".\\\" ").filter(|date| date.len() == "2000-01-01".len());
    let date = date.ok_or(r#"its first line is not its date: `.\" YYYY-MM-DD`"#)?;
    let titles: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    let titles: Vec<_> = titles.iter().map(|title| title.trim_matches('"')).collect();
    if titles != SECTIONS {
        return Err(format!("its sections are {titles:?} instead of {SECTIONS:?}"));
    }
    let description = text.find("\n.SH \"EXIT STATUS\"\n").ok_or("its second section is not in quotes")? + 1;
    Ok((date, &text[..description], &text[description..]))
}

/// The command line in short. (That of `clap_mangen` leaves out the values of options.)
fn synopsis(command: &Command) -> String {
    let escaped = |text: &str| text.replace('-', "\\-");
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut words = vec![format!("\\fB{}\\fR", escaped(name))];
    let mut arguments: Vec<_> = command.get_arguments().filter(|argument| !argument.is_hide_set()).collect();
    arguments.sort_by_key(|argument| argument.is_positional());
    for argument in arguments {
        let short = argument.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
        let long = argument.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
        let mut parts = vec![Vec::from_iter(short.into_iter().chain(long)).join("|")];
        if argument.get_action().takes_values() {
            let names = argument.get_value_names().unwrap_or_default();
            parts.extend(names.iter().map(|name| format!("\\fI{}\\fR", escaped(name))));
            if argument.get_num_args().is_some_and(|count| count.max_values() > 1) {
                parts.push("...".to_owned());
            }
        }
        parts.retain(|part| !part.is_empty());
        let word = parts.join(" ");
        words.push(if argument.is_required_set() { word } else { format!("[{word}]") });
    }
    if command.has_subcommands() {
        words.push("\\fISUBCOMMAND\\fR ...".to_owned());
    }
    words.join("\n")
}

/// The whole page.
fn page(name: &str, command: &Command, text: &str) -> Result<String, String> {
    let (date, description, others) = written(text)?;
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(command.clone()).title(name.to_uppercase()).date(date);
    let man = man.source(format!("perseq {version}")).manual("Perseq");
    let rendered = |render: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
        let mut bytes = Vec::new();
        render(&mut bytes).expect("memory takes what is written");
        // Possible values are set off by two breaks around an empty line, where formatters take the line alone.
        String::from_utf8(bytes).expect("the text of a page").replace(".br\n\n.br\n", ".sp\n")
    };
    // Each part begins with a definition of the apostrophe; one is enough.
    let without_head = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el "));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    let mut page = format!(
        ".\\\" Made from src/args.rs and man/{name}.1.in: PERSEQ_BLESS=1 cargo test -p perseq-cli man\n"
    );
    page += &rendered(&|bytes| man.render_title(bytes));
    page += &without_head(rendered(&|bytes| man.render_name_section(bytes)));
    page += &format!(".SH SYNOPSIS\n{}\n", synopsis(command));
    page += description;
    page += &without_head(rendered(&|bytes| man.render_options_section(bytes)));
    if command.has_subcommands() {
        page += &without_head(rendered(&|bytes| man.render_subcommands_section(bytes)));
    }
    page += others;
    Ok(page)
}

#[test]
fn the_manual_pages_are_the_committed_ones() {
    let bless = std::env::var_os("PERSEQ_BLESS").is_some();
    let mut wrong = Vec::new();
    let commands = commands();
    for (name, command) in &commands {
        let source = folder().join(format!("{name}.1.in"));
        let Ok(text) = fs::read_to_string(&source) else {
            wrong.push(format!("{}: write it, with the sections {SECTIONS:?}", source.display()));
            continue;
        };
        let file = folder().join(format!("{name}.1"));
        match page(name, command, &text) {
            Err(error) => wrong.push(format!("{}: {error}", source.display())),
            Ok(page) if bless => fs::write(file, page).expect("man/"),
            Ok(page) if fs::read_to_string(&file).ok().as_ref() == Some(&page) => {}
            Ok(_) => wrong.push(format!("{}: is not what it would be made now", file.display())),
        }
    }
    for entry in fs::read_dir(folder()).expect("man/") {
        let file = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let name = file.strip_suffix(".in").unwrap_or(&file).strip_suffix(".1");
        if !name.is_some_and(|name| commands.contains_key(name)) {
            wrong.push(format!("man/{file}: there is no such command"));
        }
    }
    assert!(
        wrong.is_empty(),
        "manual pages are wrong or have changed; if that is meant, run with PERSEQ_BLESS=1 and commit them:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_page_that_lacks_a_section_is_refused() {
    let name = "perseq-info";
    let text = fs::read_to_string(folder().join(format!("{name}.1.in"))).expect("man/");
    let command = &commands()[name];
    assert!(page(name, command, &text).is_ok());
    assert!(page(name, command, &text.replace(".SH EXAMPLES\n", "")).unwrap_err().contains("EXAMPLES"));
    assert!(page(name, command, &text[1..]).unwrap_err().contains("date"));
}
