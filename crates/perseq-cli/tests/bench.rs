//! `perseq bench` as a user runs it. No figure is judged here: what runs beside a test decides it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn bench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perseq"));
    command.arg("bench");
    command
}

fn output(arguments: &[&str]) -> Output {
    bench().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A path that no other test uses.
fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("perseq-bench-{}-{name}", std::process::id()))
}

#[test]
fn json_has_one_object_a_line_with_the_promised_keys() {
    let output = output(&["--quick", "--json", "cpu"]);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "no progress bar without a terminal: {output:?}");
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["group"], "machine");
    assert_eq!(lines.last().unwrap()["group"], "noise");
    let rows: Vec<&Value> = lines.iter().filter(|line| line["group"] == "cpu").collect();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = ["empty", "perseq", "perseq_lazy", "sched_getcpu", "getcpu_syscall", "lsl", "rdpid"];
    assert_eq!(names, expected);
    for row in rows {
        for key in ["variant", "threads", "reference", "ns_median", "ns_min", "ratio"] {
            assert!(row.get(key).is_some(), "{key} is missing in {row}");
        }
        let measured = row["ns_median"].is_number() && row["ns_min"].is_number() && row["ratio"].is_number();
        assert!(measured != row["skipped"].is_string(), "measured, or skipped for a reason: {row}");
        assert_eq!(row["reference"], "empty");
    }
}

#[test]
fn every_counter_counts_and_raw_samples_are_kept() {
    let output = output(&["--quick", "--json", "--raw", "counter"]);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours = |variant: &str| {
        lines.iter().any(|line| {
            line["group"] == "counter"
                && line["name"] == "perseq"
                && line["variant"] == variant
                && line["threads"] == 1
                && line["samples_ns"].as_array().is_some_and(|samples| !samples.is_empty())
        })
    };
    assert!(ours("same") && ours("eight"));
    assert!(lines.iter().any(|line| line["group"] == "memory" && line["variant"] == "10000_counters"));
}

#[test]
fn the_table_fits_in_a_hundred_columns_and_the_page_is_written() {
    let page = temporary("report.html");
    let output = output(&["--quick", "exclusive", "--html", page.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let table = text(&output.stdout);
    assert!(table.contains("exclusive: ") && !table.contains('\x1b'), "{table}");
    // The command line, which is repeated, may hold a path that cannot be broken.
    let path = page.to_str().unwrap();
    for line in table.lines().filter(|line| !line.contains(path)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("id=\"exclusive\""));
    fs::remove_file(page).unwrap();
}

#[test]
fn an_unknown_group_is_refused_with_the_list_of_groups() {
    let output = output(&["rong"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    for word in ["rong", "cpu", "counter", "exclusive"] {
        assert!(message.contains(word), "{message}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_before_anything_is_measured() {
    let path = temporary("no-such-folder").join("report.html");
    let output = output(&["cpu", "--html", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(path.to_str().unwrap()), "{output:?}");
    assert!(output.stdout.is_empty(), "nothing was measured");
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let mut child =
        bench().args(["--quick", "cpu"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
