//! The store that arms a section.
//!
//! A thread that is preempted between the store of the descriptor's address and `start_ip` is outside the section: the kernel
//! clears `rseq_cs`, and what follows runs without protection. So the store must be the instruction right before.
//!
//! Where instructions have many lengths that one is found by decoding forwards, from the beginning of the function or from as far before as
//! [`REACH`]: decoding falls into step after a few instructions. Without a symbol it is not sure that there is nothing but code before, so
//! what is not found then is a note. Constants are followed through the registers on the way, so that a store of something else
//! than the descriptor's address is seen if it can be.

use super::{Body, Instruction, Report, Rule};
use crate::code::{Known, Op, Registers, Stored};
use crate::image::Image;

/// Bytes before a section that are looked at.
const REACH: u64 = 4096;

/// Gives what is known of registers when the section begins.
pub(super) fn check(image: &Image<'_>, body: &Body<'_>, report: &mut Report) -> Registers {
    let start = report.section.start_ip;
    let nothing = || Registers::new(body.decoder.stack_pointer());
    let Some((mut begin, mut code)) = image.code_before(start, REACH) else { return nothing() };
    let function = image.function_start(start);
    let sure = function.is_some_and(|function| function < start) || image.arch.code_align == 4;
    if let Some(function) = function.filter(|function| *function >= begin && *function < start) {
        code = code.get((function - begin) as usize..).unwrap_or_default();
        begin = function;
    }
    let mut known = nothing();
    let mut before: Option<(u64, Op)> = None;
    let mut at = begin;
    while at < start {
        let rest = code.get((at - begin) as usize..).unwrap_or_default();
        match body.decoder.decode(rest, at).filter(|op| op.len > 0) {
            Some(op) => {
                if let Some((_, before)) = &before {
                    known.follow(before);
                }
                before = Some((at, op));
                at += u64::from(op.len);
            }
            None => {
                (before, known) = (None, nothing());
                at += image.arch.code_align;
            }
        }
    }
    // One that reaches into the section is none: the code was out of step.
    let before = before.filter(|(address, op)| at == start && address + u64::from(op.len) == start);
    let Some((address, op)) = before else {
        report
            .notes
            .push("what is before the section cannot be decoded: whether it is armed is unknown".into());
        return nothing();
    };
    let text = code
        .get((address - begin) as usize..)
        .map_or_else(String::new, |code| body.decoder.text(code, address));
    let stores_pointer = op.store.filter(|store| store.bytes == image.pointer as u32);
    let descriptor = report.section.descriptor;
    match stores_pointer {
        Some(store) => {
            let value = match store.what {
                Stored::Register(register) => match known.get(register) {
                    Some(Known::Constant(value)) => Some(value),
                    _ => None,
                },
                Stored::Constant(value) => Some(value),
                Stored::Unknown => None,
            };
            if let Some(value) = value.filter(|value| *value != descriptor) {
                report.violation(
                    Rule::Arming,
                    address,
                    format!("`{text}` before the section stores {value:#x}, not the descriptor's address {descriptor:#x}"),
                );
            }
        }
        None if sure => report.violation(
            Rule::Arming,
            address,
            format!("the instruction before the section, `{text}`, does not store the descriptor's address"),
        ),
        None => report.notes.push(format!(
            "the instruction before the section seems to be `{text}`: whether it is armed is unknown"
        )),
    }
    known.follow(&op);
    report.before = Some(Instruction { address, len: op.len, text, branches_to: None });
    known
}
