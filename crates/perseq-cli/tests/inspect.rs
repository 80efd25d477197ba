//! `perseq inspect` as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The command itself, which is full of sequences.
const PERSEQ: &str = env!("CARGO_BIN_EXE_perseq");

fn inspect(arguments: &[&str], file: impl AsRef<Path>) -> Output {
    Command::new(PERSEQ).arg("inspect").args(arguments).arg(file.as_ref()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A file of a test.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Whether this machine makes ELF files with sections.
fn has_sections() -> bool {
    cfg!(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    ))
}

#[test]
fn the_sections_of_this_command_are_shown_and_keep_the_rules() {
    if !has_sections() {
        return;
    }
    let shown = inspect(&[], PERSEQ);
    assert!(shown.status.success(), "{shown:?}");
    let text = stdout(&shown);
    for word in ["start_ip", "post_commit_offset", "abort_ip", "exit point", "commit", "staged", "source"] {
        assert!(text.contains(word), "no {word} in\n{text}");
    }
    assert!(text.contains("perseq::collections::"), "{text}");
    let verified = inspect(&["--verify"], PERSEQ);
    assert_eq!((verified.status.code(), stdout(&verified).lines().count()), (Some(0), 1), "{verified:?}");
    assert!(stdout(&verified).contains("critical sections keep the rules"), "{verified:?}");
}

#[test]
fn json_is_one_object_a_line() {
    if !has_sections() {
        return;
    }
    let shown = inspect(&["--json", "--disassemble"], PERSEQ);
    assert!(shown.status.success(), "{shown:?}");
    let sections: Vec<Value> =
        stdout(&shown).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(sections.len() > 50, "{}", sections.len());
    for section in sections {
        for key in ["start_ip", "symbol", "post_commit_offset", "abort_ip", "descriptor", "found", "armed_by"]
        {
            assert!(!section[key].is_null(), "no {key} in {section}");
        }
        assert_eq!(section["disassembly"].as_array().unwrap().len() as u64, section["instructions"]);
        assert!(section["violations"].as_array().unwrap().is_empty(), "{section}");
    }
}

#[test]
fn a_violation_ends_it_with_status_1_and_says_where() {
    if !has_sections() {
        return;
    }
    // As if the linker had put something else before an abort handler.
    let mut bytes = std::fs::read(PERSEQ).unwrap();
    let signature = if cfg!(target_arch = "x86_64") {
        [0x0f, 0xb9, 0x3d, 0x53, 0x30, 0x05, 0x53].as_slice()
    } else if cfg!(target_arch = "aarch64") {
        [0x00, 0xbc, 0x28, 0xd4].as_slice()
    } else {
        [0x73, 0x10, 0x40, 0xf1].as_slice()
    };
    let at = bytes.windows(signature.len()).rposition(|window| window == signature).unwrap();
    bytes[at + signature.len() - 1] ^= 1;
    let broken = file("broken", &bytes);
    let verified = inspect(&["--verify"], &broken);
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let text = stdout(&verified);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with(&*broken.to_string_lossy()) && text.contains(": signature: "), "{text}");
    let json = inspect(&["--verify", "--json"], &broken);
    assert_eq!(json.status.code(), Some(1));
    let section: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(section["violations"][0]["rule"], "signature");
    // To show it is no failure.
    assert!(inspect(&[], &broken).status.success());
}

#[test]
fn what_cannot_be_inspected_ends_it_with_status_2() {
    for path in [file("text", b"#!/bin/sh\n"), file("empty", b""), "/no/such/file".into()] {
        let output = inspect(&["--verify"], &path);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&*path.to_string_lossy()), "{said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(inspect(&["--verify", "--no-such-option"], PERSEQ).status.code(), Some(2));
}
