//! Loops that count.
//!
//! A section must be short, and a loop in it must end by itself: nothing else ends it, because a thread that is preempted
//! starts again. That a loop ends cannot be decided for any; it is for those that count. The loop of a backward branch is all
//! from its target to the branch. It counts if on every round
//!
//! - a register, the counter, is changed by a constant, and by nothing else, and
//! - a branch leaves the loop, or goes round it, by a comparison of a sum of the counter with what the loop does not change:
//!   constants, registers that it does not write, memory whose address it does not change.
//!
//! "On every round" means that no branch inside the loop skips it. Taken on trust: that the counter goes towards its end (one that
//! goes away from it wraps around), and that the loop does not store to the memory it compares with. Any other backward
//! branch is a violation, as one that waits for memory to change, or follows a list.

use super::{Body, Report, Rule};
use crate::code::{FLAGS, Flow, Op, Regs, Value};

/// Instructions of the longest loop that is looked at.
const LONGEST: usize = 128;

pub(super) fn check(body: &Body<'_>, report: &mut Report) {
    for (end, (at, op)) in body.ops.iter().enumerate() {
        let Flow::Branch { target, .. } = op.flow else { continue };
        if target > *at || !report.section.contains(target) {
            continue;
        }
        let start = body.ops.partition_point(|(at, _)| *at < target);
        let looped = body.ops.get(start..=end).unwrap_or_default();
        if looped.len() > LONGEST {
            report.violation(
                Rule::Loop,
                *at,
                format!(
                    "`{}` closes a loop of {} instructions, too long to follow",
                    body.text(*at),
                    looped.len()
                ),
            );
        } else if !counts(looped) {
            report.violation(
                Rule::Loop,
                *at,
                format!(
                    "`{}` goes back, in a loop that does not count, so it may hold the CPU",
                    body.text(*at)
                ),
            );
        }
    }
}

/// What is known about the content of a register, or of the flags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// It is the same on every round.
    Same,
    /// It goes up or down by the same on every round.
    Counts,
    /// Anything.
    Unknown,
}

impl Content {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Same, content) | (content, Self::Same) => content,
            // Two that count may cancel each other.
            _ => Self::Unknown,
        }
    }
}

fn counts(looped: &[(u64, Op)]) -> bool {
    let skipped = skipped(looped);
    let counters = counters(looped, &skipped);
    let mut contents = [Content::Same; 128];
    for register in written(looped.iter()).iter() {
        contents[usize::from(register)] = Content::Unknown;
    }
    for register in counters.iter() {
        contents[usize::from(register)] = Content::Counts;
    }
    let (Some((first, _)), Some((last, _))) = (looped.first(), looped.last()) else { return false };
    // Twice, for what one round leaves to the next.
    for _ in 0..2 {
        for ((at, op), skipped) in looped.iter().zip(&skipped) {
            let content = content(op, &contents);
            if let Flow::Branch { target, conditional: true } = op.flow {
                let decides = target < *first || target > *last || at == last;
                if decides && !skipped && (content == Content::Counts || op.counts_down) {
                    return true;
                }
            }
            for register in op.writes.iter().filter(|register| !counters.has(*register)) {
                contents[usize::from(register)] = if *skipped { Content::Unknown } else { content };
            }
        }
    }
    false
}

/// What an instruction computes, or a branch tests.
fn content(op: &Op, contents: &[Content; 128]) -> Content {
    let all = |registers: Regs| {
        registers.iter().fold(Content::Same, |sum, register| sum.plus(contents[usize::from(register)]))
    };
    let loaded = match op.load {
        Some(address) if all(address) != Content::Same => return Content::Unknown,
        Some(address) => address,
        None => Regs::default(),
    };
    let sum = all(Regs(op.reads.0 & !loaded.0));
    match op.value {
        Value::Constant { .. } => Content::Same,
        Value::Plus { .. } | Value::Sum => sum,
        Value::Other if sum == Content::Same => Content::Same,
        Value::Other => Content::Unknown,
    }
}

/// Which instructions a branch inside the loop may skip.
fn skipped(looped: &[(u64, Op)]) -> Vec<bool> {
    let mut skipped = vec![false; looped.len()];
    let last = looped.last().map_or(0, |(at, _)| *at);
    for (from, (at, op)) in looped.iter().enumerate() {
        let Flow::Branch { target, .. } = op.flow else { continue };
        if target > *at && target <= last {
            let to = looped.partition_point(|(at, _)| *at < target);
            skipped[from + 1..to].fill(true);
        }
    }
    skipped
}

fn written<'o>(ops: impl Iterator<Item = &'o (u64, Op)>) -> Regs {
    Regs(ops.fold(0, |all, (_, op)| all | op.writes.0))
}

/// The registers that are changed by a constant on every round, and by nothing else.
fn counters(looped: &[(u64, Op)], skipped: &[bool]) -> Regs {
    let mut once = Regs::default();
    let mut more = Regs::default();
    for (_, op) in looped {
        more.0 |= once.0 & op.writes.0;
        once.0 |= op.writes.0;
    }
    let steps = looped.iter().zip(skipped).filter_map(|((_, op), skipped)| match op.value {
        Value::Plus { dst, src, by } if dst == src && by != 0 && !skipped => Some(dst),
        _ => None,
    });
    let counters = Regs::of(steps.filter(|register| *register != FLAGS));
    Regs(counters.0 & !more.0)
}
