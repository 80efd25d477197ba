//! What the kernel checks when it comes to a section that a thread is in, and what it could not even find.

use super::{Report, Rule};
use crate::find::DESCRIPTOR;
use crate::image::{CODE, Image};

pub(super) fn check(image: &Image<'_>, report: &mut Report) {
    let section = report.section.clone();
    let at = section.descriptor;
    let (start, len, abort) = (section.start_ip, section.post_commit_offset, section.abort_ip);
    if !image.has_signature_before(abort) {
        let found = abort.checked_sub(4).and_then(|at| image.bytes(at, 4));
        let found = found.map_or_else(|| "nothing".into(), hex);
        let expected = hex(&image.arch.signature);
        report.violation(
            Rule::Signature,
            abort,
            format!("{found} stands before abort_ip, not {expected}, the signature of {}", image.arch.name),
        );
    }
    if len <= CODE && section.contains(abort) {
        report.violation(Rule::AbortHandler, abort, "abort_ip is inside the section");
    } else if !image.is_code(abort) {
        report.violation(Rule::AbortHandler, abort, format!("abort_ip {abort:#x} is no code"));
    }
    if (section.version, section.flags) != (0, 0) {
        report.violation(
            Rule::VersionFlags,
            at,
            format!("version {} and flags {:#x}, not 0", section.version, section.flags),
        );
    }
    if !at.is_multiple_of(DESCRIPTOR) {
        report.violation(
            Rule::Alignment,
            at,
            format!("the descriptor at {at:#x} is not at a multiple of {DESCRIPTOR} bytes"),
        );
    }
    let align = image.arch.code_align;
    for (name, address) in [("start_ip", start), ("abort_ip", abort)] {
        if !address.is_multiple_of(align) {
            report.violation(
                Rule::Alignment,
                address,
                format!("{name} {address:#x} is not at a multiple of {align} bytes, as instructions are"),
            );
        }
    }
    let last = len.checked_sub(1).and_then(|before| start.checked_add(before));
    match last {
        None if len == 0 => report.violation(Rule::Range, start, "the section is empty"),
        Some(last) if len <= CODE && image.is_code(start) && image.is_code(last) => {}
        _ if len > CODE => {
            report.violation(Rule::Range, start, format!("post_commit_offset {len:#x} is beyond {CODE:#x}"));
        }
        _ => report.violation(Rule::Range, start, format!("{len} bytes from {start:#x} are no code")),
    }
    if let Some(exits) = &section.declared_exits {
        for exit in exits {
            if section.contains(*exit) {
                report.violation(
                    Rule::ExitPoints,
                    *exit,
                    format!("the declared exit point {exit:#x} is inside the section"),
                );
            } else if !image.is_code(*exit) {
                report.violation(
                    Rule::ExitPoints,
                    *exit,
                    format!("the declared exit point {exit:#x} is no code"),
                );
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}
