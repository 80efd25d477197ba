//! Which register each value of a section lives in.
//!
//! Invariant: two values share a register only if the last use of one comes before the definition of the other, or, where that
//! is the first operand of an instruction and its result, in the same instruction. What outlives the section keeps its own.
//! The address of the area is used like a value that is defined before all others. What an instruction needs for itself alone takes
//! registers that no value is in at that moment, as long as there are such.

use std::collections::BTreeMap;

use crate::ir::{Inst, Operand, Sequence, Value};

/// See the [module](self).
pub(super) struct Registers {
    /// By value, the number of its register.
    pub(super) of: BTreeMap<Value, usize>,
    /// What is in each register: from which instruction to which, both included.
    held: Vec<Vec<(usize, usize)>>,
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
        let mut held: Vec<Vec<(usize, usize)>> = if area { vec![vec![(0, area_until)]] } else { Vec::new() };
        let until = |held: &Vec<(usize, usize)>| held.last().map_or(0, |(_, until)| *until);
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
            let register =
                first.or_else(|| held.iter().position(|held| until(held) < at)).unwrap_or_else(|| {
                    held.push(Vec::new());
                    held.len() - 1
                });
            held[register].push((at, last_use.get(&dst).copied().unwrap_or(at)));
            of.insert(dst, register);
        }
        Self { of, held }
    }

    /// The registers in which nothing is during instruction `at`, counted from 1.
    pub(super) fn free(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let free =
            move |held: &Vec<(usize, usize)>| !held.iter().any(|&(from, until)| from <= at && at <= until);
        (0..).zip(&self.held).filter(move |(_, held)| free(held)).map(|(register, _)| register)
    }
}
