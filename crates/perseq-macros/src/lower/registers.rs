//! Which register each value of a section lives in.
//!
//! Invariant: two values share a register only if the last use of one comes before the definition of the other, or, where that
//! is the first operand of an instruction and its result, in the same instruction. What outlives the section keeps its own.
//! The address of the area is used like a value that is defined before all others.

use std::collections::BTreeMap;

use crate::ir::{Inst, Operand, Sequence, Value};

/// See the [module](self).
pub(super) struct Registers {
    /// By value, the number of its register.
    pub(super) of: BTreeMap<Value, usize>,
}

impl Registers {
    /// The register in which the section begins with the address of the area.
    pub(super) const AREA: usize = 0;

    /// Linear scan over straight-line code, with the address of the area in a register or not. The result of an instruction may take the register of its first operand
    /// if that ends there, so that two-address instructions need no copy; never that of another operand.
    pub(super) fn allocate(sequence: &Sequence, area: bool) -> Self {
        let outputs = sequence.outputs();
        // What comes before the first instruction is at 0.
        let body = || (1..).zip(&sequence.body);
        let mut last_use = BTreeMap::new();
        let mut area_until = 0;
        for (at, inst) in body() {
            if let Inst::CpuId { .. } = inst {
                area_until = at;
            }
            inst.operands(&mut |operand| {
                if let Operand::Value(value) = operand {
                    last_use.insert(*value, at);
                }
            });
        }
        for value in outputs {
            last_use.insert(value, usize::MAX);
        }
        let mut of = BTreeMap::new();
        // The value in each register, and until when.
        let mut busy: Vec<usize> = if area { vec![area_until] } else { Vec::new() };
        for (at, inst) in body() {
            let Some(dst) = inst.defines() else { continue };
            let first = match inst {
                Inst::Mov { src, .. }
                | Inst::Not { src, .. }
                | Inst::Neg { src, .. }
                | Inst::Cast { src, .. }
                | Inst::Bin { a: src, .. } => match src {
                    Operand::Value(value) if last_use.get(value) == Some(&at) => of.get(value).copied(),
                    _ => None,
                },
                _ => None,
            };
            // A register whose value ends in this very instruction still holds an operand of it.
            let register = first.or_else(|| busy.iter().position(|&until| until < at)).unwrap_or_else(|| {
                busy.push(0);
                busy.len() - 1
            });
            busy[register] = last_use.get(&dst).copied().unwrap_or(at);
            of.insert(dst, register);
        }
        Self { of }
    }
}
