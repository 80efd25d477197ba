//! What a section may do, instruction by instruction: where it goes, and what it stores.

use super::{Body, Exit, Report, Rule, Store};
use crate::code::{Flow, Registers};
use crate::image::Image;

pub(super) fn check(image: &Image<'_>, body: &Body<'_>, registers: Registers, report: &mut Report) {
    for (at, op) in &body.ops {
        match op.flow {
            Flow::Next => {}
            Flow::Branch { target, .. } => branch(image, body, report, *at, target),
            Flow::Call => report.violation(Rule::Call, *at, format!("`{}` calls a function", body.text(*at))),
            Flow::Indirect => report.violation(
                Rule::IndirectJump,
                *at,
                format!("`{}` jumps to where nobody can tell", body.text(*at)),
            ),
            Flow::SystemCall => report.violation(
                Rule::SystemCall,
                *at,
                format!("`{}` enters the kernel, which may kill the process for it", body.text(*at)),
            ),
            Flow::Trap => report.notes.push(format!("`{}` at {at:#x} traps", body.text(*at))),
        }
    }
    if let Some(at) = body.undecoded {
        report.violation(
            Rule::Decodable,
            at,
            format!("what is at {at:#x} is no instruction that ends inside the section"),
        );
    }
    stores(body, registers, report);
    exits(report);
    report.instructions = Some(body.ops.iter().map(|(at, op)| body.instruction(*at, op)).collect());
}

fn branch(image: &Image<'_>, body: &Body<'_>, report: &mut Report, from: u64, to: u64) {
    let section = &report.section;
    if section.contains(to) {
        if body.ops.binary_search_by_key(&to, |(at, _)| *at).is_err() {
            report.violation(
                Rule::Decodable,
                from,
                format!("`{}` leads into the middle of an instruction", body.text(from)),
            );
        }
        return;
    }
    // The descriptor itself declares two.
    let by_descriptor = to == section.abort_ip || to == section.end();
    let declared = by_descriptor
        || section.declared_exits.as_ref().is_some_and(|exits| exits.binary_search(&to).is_ok());
    let undeclared = !declared && section.declared_exits.is_some();
    report.exits.push(Exit { from, to, declared });
    if !image.is_code(to) {
        report.violation(Rule::Range, from, format!("`{}` leads to no code", body.text(from)));
    } else if undeclared {
        report.violation(
            Rule::ExitPoints,
            from,
            format!("`{}` leaves to {to:#x}, which __rseq_exit_point_array does not list", body.text(from)),
        );
    }
}

fn exits(report: &mut Report) {
    let undeclared = report.exits.iter().filter(|exit| !exit.declared).count();
    if undeclared > 0 && report.section.declared_exits.is_none() {
        report
            .notes
            .push(format!("{undeclared} branches leave it, for which the file declares no exit points"));
    }
}

fn stores(body: &Body<'_>, mut registers: Registers, report: &mut Report) {
    let mut stores = Vec::new();
    for (at, op) in &body.ops {
        if let Some(store) = &op.store {
            let on_stack = registers.is_on_stack(store);
            stores.push(Store { at: *at, bytes: store.bytes, target: body.target(*at), on_stack });
        }
        registers.follow(op);
    }
    // Where something cannot be read it is not known what comes last.
    let last = body.ops.last().filter(|_| body.undecoded.is_none());
    let commit = stores.pop_if(|store| !store.on_stack && last.is_some_and(|(at, _)| *at == store.at));
    report.staged = stores;
    for (at, _) in body.ops.iter().filter(|(_, op)| op.counts_down && op.store.is_some()) {
        report.notes.push(format!("`{}` at {at:#x} repeats as often as a register says", body.text(*at)));
    }
    let Some((at, op)) = last else { return };
    match op.store.filter(|_| commit.is_some()) {
        Some(store) if store.repeats => report.violation(
            Rule::Commit,
            *at,
            format!("the last instruction, `{}`, may be interrupted between its stores", body.text(*at)),
        ),
        Some(store) => {
            report.commit = commit;
            if store.may_fail {
                report.notes.push("the commit is a store-conditional, which may fail".into());
            }
            if store.bytes > 8 {
                report.notes.push(format!("the commit stores {} bytes", store.bytes));
            }
        }
        None if report.staged.iter().all(|store| store.on_stack) => {
            report.notes.push("it stores nothing that others see: it only reads".into());
        }
        None => report.violation(
            Rule::Commit,
            *at,
            format!("it stores, but its last instruction, `{}`, does not", body.text(*at)),
        ),
    }
}
