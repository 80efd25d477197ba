//! JSON for scripts: one object a line. Keys and names are kept once they are there.

use serde_json::{Value, json};

use super::{Report, Row};
use crate::bench::engine::Summary;

/// The lines of a group: its rows, what it measured in memory, and what the machine did.
pub fn lines(report: &Report, raw: bool) -> Vec<Value> {
    let rows = report.rows.iter().map(|row| line(report, row, raw));
    let memory = report.memory.iter().map(|memory| {
        let mut object = json!({
            "group": "memory",
            "name": memory.name,
            "variant": memory.variant,
            "cpus": memory.cpus,
        });
        match &memory.bytes {
            Ok(bytes) => object["bytes"] = json!(bytes),
            Err(reason) => object["skipped"] = json!(reason),
        }
        object
    });
    let noise = &report.noise;
    let noise = json!({
        "group": "noise",
        "name": report.group.name,
        "noisy": noise.is_noisy(),
        "spread": noise.spread,
        "slow": noise.slow,
        "stolen": noise.stolen,
        "preemptions": noise.preemptions,
        "reasons": noise.reasons,
    });
    rows.chain(memory).chain([noise]).collect()
}

fn line(report: &Report, row: &Row, raw: bool) -> Value {
    let summary = row.result.as_ref().ok();
    let value = |figure: fn(&Summary) -> f64| summary.map(figure);
    let published: Vec<Value> = row
        .published
        .iter()
        .map(|figure| {
            let machine = figure.machine;
            json!({ "machine": machine.name(), "ns": figure.ns, "source": machine.source() })
        })
        .collect();
    let mut object = json!({
        "group": report.group.name,
        "name": row.name,
        "variant": row.variant,
        "threads": row.threads,
        "ns_median": value(|summary| summary.median),
        "ns_min": value(|summary| summary.min),
        "ns_p25": value(|summary| summary.p25),
        "ns_p75": value(|summary| summary.p75),
        "spread": value(Summary::spread),
        "samples": summary.map_or(0, |summary| summary.samples.len()),
        "reference": report.group.reference,
        "ratio": row.ratio,
        "published": published,
    });
    if let Err(reason) = &row.result {
        object["skipped"] = json!(reason);
    }
    if raw && let Some(summary) = summary {
        object["samples_ns"] = json!(summary.samples);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn rows_have_the_keys_that_scripts_rely_on() {
        let lines = lines(&fixtures::report(), false);
        let row = &lines[1];
        for key in ["group", "name", "variant", "threads", "ns_median", "ns_min", "reference", "ratio"] {
            assert!(!row[key].is_null(), "{key}");
        }
        assert_eq!(row["name"], "sched_getcpu_lock_add");
        assert_eq!(row["ratio"], 6.0);
        assert!(row.get("samples_ns").is_none());
        assert_eq!(lines[0]["published"][0]["ns"], 2.0);
    }

    #[test]
    fn a_skipped_row_says_why_and_has_no_figures() {
        let row = &lines(&fixtures::report(), true)[2];
        assert_eq!(row["skipped"], "no such instruction");
        assert!(row["ns_median"].is_null() && row["ratio"].is_null());
        assert!(row.get("samples_ns").is_none());
    }

    #[test]
    fn memory_and_noise_come_last() {
        let lines = lines(&fixtures::report(), false);
        assert_eq!(lines[5]["group"], "memory");
        assert_eq!(lines[5]["bytes"], 1025);
        assert_eq!(lines[6]["group"], "noise");
        assert_eq!(lines[6]["noisy"], true);
    }

    #[test]
    fn raw_samples_are_kept_when_asked_for() {
        let lines = lines(&fixtures::report(), true);
        assert_eq!(lines[0]["samples_ns"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn every_object_is_one_line() {
        assert!(lines(&fixtures::report(), true).iter().all(|line| !line.to_string().contains('\n')));
    }
}
