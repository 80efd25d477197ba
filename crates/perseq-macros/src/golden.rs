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

#[test]
fn the_assembly_of_every_architecture_is_the_committed_one() {
    for (arch, lower) in BACKENDS.iter().copied() {
        compare(arch, lower);
    }
}
