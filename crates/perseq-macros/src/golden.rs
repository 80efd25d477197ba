//! The assembly of every sequence that the workspace ships is committed under `asm/<arch>/`, so that a change of code
//! generation is seen in review. `PERSEQ_BLESS=1 cargo test -p perseq-macros` rewrites it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

use crate::lower::{BACKENDS, Lower};
use crate::{check, parse};

/// Every `sequence!` in the sources of the workspace's crates, by crate and function name.
fn shipped() -> BTreeMap<String, parse::Source> {
    struct Finder(Vec<parse::Source>);
    impl Visit<'_> for Finder {
        fn visit_macro(&mut self, mac: &syn::Macro) {
            if mac.path.segments.last().is_some_and(|last| last.ident == "sequence") {
                let sources: parse::Sources =
                    syn::parse2(mac.tokens.clone()).unwrap_or_else(|error| panic!("{error}"));
                self.0.extend(sources.0);
            }
        }
    }
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/").to_path_buf();
    let mut found = BTreeMap::new();
    for package in fs::read_dir(crates).expect("crates/").map(|entry| entry.expect("an entry").path()) {
        let mut files = Vec::new();
        rust_files(&package.join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            let Ok(parsed) = syn::parse_file(&text) else { panic!("{} does not parse", file.display()) };
            let mut finder = Finder(Vec::new());
            finder.visit_file(&parsed);
            for source in finder.0 {
                let package = package.file_name().expect("a name").to_string_lossy();
                let module = file.file_stem().expect("a name").to_string_lossy();
                let name = format!("{package}.{module}.{}", source.sig.ident);
                assert!(found.insert(name.clone(), source).is_none(), "two sequences are called {name}");
            }
        }
    }
    found
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn compare(arch: &str, lower: Lower) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("asm").join(arch);
    let bless = std::env::var_os("PERSEQ_BLESS").is_some();
    if bless {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("asm/");
    }
    let mut expected: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for (name, source) in shipped() {
        let sequence = check::check(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = lower(&sequence, &source.sig.ident).unwrap_or_else(|error| panic!("{name}: {error}")).text;
        let file = folder.join(format!("{name}.s"));
        expected.push(format!("{name}.s"));
        if bless {
            fs::write(&file, &text).expect("asm/");
        } else if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            wrong.push(format!("{}:\n{text}", file.display()));
        }
    }
    assert!(!expected.is_empty(), "no sequence was found");
    for entry in fs::read_dir(&folder).expect("asm/") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !expected.contains(&name) {
            wrong.push(format!("{name}: no such sequence any more"));
        }
    }
    assert!(
        wrong.is_empty(),
        "the assembly of shipped sequences changed; if that is meant, run with PERSEQ_BLESS=1 and commit it:\n{}",
        wrong.join("\n")
    );
}

/// Operations of the language, each as the only statement of a section, by the name they have in the table.
const OPERATIONS: &[(&str, &str)] = &[
    ("load u8", "let r: u8 = s.byte;"),
    ("load i32", "let r: i32 = s.signed;"),
    ("load u64", "let r: u64 = s.word;"),
    ("`stage` or `commit` u64", "commit s.word = a;"),
    ("`commit(release)` u64", "commit(release) s.word = a;"),
    ("`commit(release if C)` u64", "commit(release if C) s.word = a;"),
    ("`a + b`", "let r: u64 = a + b;"),
    ("`a - b`", "let r: u64 = a - b;"),
    ("`a & b`", "let r: u64 = a & b;"),
    ("`a \\| b`", "let r: u64 = a | b;"),
    ("`a ^ b`", "let r: u64 = a ^ b;"),
    ("`a << b`", "let r: u64 = a << b;"),
    ("`a >> b`", "let r: u64 = a >> b;"),
    ("`!a`", "let r: u64 = !a;"),
    ("`a as u32`", "let r: u32 = a as u32;"),
    ("load u64, `if r < b { return }`", "let r: u64 = s.word; if r < b { return; }"),
    ("`s.array[i]`", "let r: u64 = s.array[i];"),
    ("`copy`, then `commit` u64", "copy(p, q, i); commit s.word = a;"),
    ("`cpu_id()`", "let r: u32 = cpu_id();"),
    ("`slot_number()`", "let r: u32 = slot_number();"),
    ("`tsc()`", "let r: u64 = tsc();"),
];

/// The text of a section whose only statement this is; a value it binds is given back.
fn alone(lower: Lower, statement: &str) -> Vec<String> {
    let tail = if statement.starts_with("let") { "r" } else { "" };
    let text = format!(
        "unsafe fn op(s: &PerCpu<Item>, a: u64, b: u64, i: usize, p: *mut u8, q: *const u8) {{ {statement} {tail} }}"
    );
    let sources: parse::Sources =
        syn::parse_str(&text).unwrap_or_else(|error| panic!("{statement}: {error}"));
    let source = &sources.0[0];
    let sequence = check::check(source).unwrap_or_else(|error| panic!("{statement}: {error}"));
    let text =
        lower(&sequence, &source.sig.ident).unwrap_or_else(|error| panic!("{statement}: {error}")).text;
    text.lines().take_while(|line| *line != "5:").map(str::to_owned).collect()
}

/// What an architecture makes of each operation: the mnemonics of what stands between the way in and the end.
fn table() -> String {
    let mut text = String::from(
        "# What operations become

For each operation of the language and each architecture, the instructions it is made of, in their order. An operand that has no
register yet costs what brings it there. Where there are several ways, by the kind of slot or the size of a constant, all of
them are listed. Made from the lowering, like the files beside it: `PERSEQ_BLESS=1 cargo test -p perseq-macros`.

| operation |",
    );
    let arches = || BACKENDS.iter().copied();
    arches().for_each(|(arch, _)| text.push_str(&format!(" {arch} |")));
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(BACKENDS.len())));
    let mut row = |name: &str, cells: &dyn Fn(Lower) -> Vec<String>| {
        text.push_str(&format!("| {name} |"));
        for (_, lower) in arches() {
            let lines = cells(lower);
            let mnemonics = lines.iter().filter_map(|line| line.split_whitespace().next());
            let instructions = mnemonics.filter(|word| !word.starts_with('.') && !word.ends_with(':'));
            let listed: Vec<String> = instructions.map(|word| format!("`{word}`")).collect();
            text.push_str(&format!(" {} |", listed.join(" ")));
        }
        text.push('\n');
    };
    // What all sections have in common at their beginning is the way in.
    let entry = |lower: Lower| {
        let texts: Vec<_> = OPERATIONS.iter().map(|(_, statement)| alone(lower, statement)).collect();
        (0..)
            .take_while(|&at| texts.iter().all(|text| text.get(at).is_some() && text[at] == texts[0][at]))
            .count()
    };
    row("arm, find the slot, pass its gate", &|lower| alone(lower, OPERATIONS[0].1)[..entry(lower)].to_vec());
    for (name, statement) in OPERATIONS {
        row(name, &|lower| alone(lower, statement)[entry(lower)..].to_vec());
    }
    text
}

#[test]
fn the_table_of_operations_is_the_committed_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("asm/README.md");
    let table = table();
    if std::env::var_os("PERSEQ_BLESS").is_some() {
        fs::write(&file, &table).expect("asm/");
    }
    assert!(
        fs::read_to_string(&file).ok().as_ref() == Some(&table),
        "what operations become has changed; if that is meant, run with PERSEQ_BLESS=1 and commit it:\n{table}"
    );
}

#[test]
fn the_assembly_of_every_architecture_is_the_committed_one() {
    for (arch, lower) in BACKENDS.iter().copied() {
        compare(arch, lower);
    }
}
