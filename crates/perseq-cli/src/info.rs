//! `perseq info`: the report of [`perseq::status`], for people or as JSON.

use perseq::Status;
use perseq::registration::status::Owner;
use serde_json::{Value, json};

use crate::args::InfoArgs;
use crate::output::{self, Failure};

/// Prints the report.
pub fn run(options: &InfoArgs) -> Result<(), Failure> {
    let status = perseq::status();
    if options.json { output::print(to_json(&status)) } else { output::print(status) }
}

/// The report for scripts. Keys are kept once they are there.
fn to_json(status: &Status) -> Value {
    let owner = match status.owner {
        Owner::Libc => "libc",
        Owner::Perseq => "perseq",
        _ => "nobody",
    };
    json!({
        "active": status.is_active(),
        "reason": status.reason.map(|reason| reason.to_string()),
        "owner": owner,
        "mode": status.registration_mode(),
        "registered_len": status.registered_len,
        "feature_size": status.feature_size,
        "node_id": status.node_id,
        "mm_cid": status.mm_cid,
        "slice_extension": status.slice,
        "membarrier": status.membarrier,
        "possible_cpus": status.possible_cpus,
        "kernel": status.kernel(),
        "machine": status.machine(),
        "libc": status.libc(),
        "perseq": env!("CARGO_PKG_VERSION"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_active_or_there_is_a_reason() {
        let report = to_json(&perseq::status());
        assert_eq!(report["active"].as_bool(), Some(report["reason"].is_null()));
        assert!(["libc", "perseq", "nobody"].contains(&report["owner"].as_str().unwrap()));
    }
}
