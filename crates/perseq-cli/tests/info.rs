//! `perseq info` as a user runs it.

use std::process::Command;

use serde_json::Value;

fn info(arguments: &[&str], off: bool) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perseq"));
    command.arg("info").args(arguments).env_remove("PERSEQ");
    if off {
        command.env("PERSEQ", "off");
    }
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_report_says_whether_and_through_whom() {
    let report = info(&[], false);
    assert!(report.lines().count() > 1 && report.ends_with('\n'));
}

#[test]
fn json_is_one_object() {
    let report: Value = serde_json::from_str(&info(&["--json"], false)).unwrap();
    for key in ["active", "owner", "registered_len", "feature_size", "kernel", "libc", "possible_cpus"] {
        assert!(!report[key].is_null(), "{key}");
    }
    assert!(report["possible_cpus"].as_u64().unwrap() >= 1);
}

#[test]
fn a_switched_off_rseq_is_reported_with_its_reason() {
    let report: Value = serde_json::from_str(&info(&["--json"], true)).unwrap();
    assert_eq!(report["active"], false);
    assert!(report["reason"].as_str().unwrap().contains("PERSEQ=off"));
}
