//! aarch64, of either byte order: instructions are little-endian always.
//!
//! The signature is `brk #0x45e0`.

mod kind;

use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand, ShiftStyle};

use self::kind::{Kind, kind, pairs, stored_bytes};
use super::{Arch, Decoder, Target};
use crate::code::{FLAGS, Flow, Op, Reg, Regs, StoreOp, Stored, VECTORS, Value};

pub(super) fn of(target: Target) -> Option<Arch> {
    (target.machine == 183 && target.wide).then_some(Arch {
        name: "aarch64",
        signature: 0xd428_bc00_u32.to_le_bytes(),
        code_align: 4,
        decoder: Some(&Aarch64),
    })
}

struct Aarch64;

const LEN: u8 = 4;

fn instruction(code: &[u8]) -> Option<Instruction> {
    let word: &[u8] = code.get(..usize::from(LEN))?;
    InstDecoder::default().decode(&mut U8Reader::new(word)).ok()
}

impl Decoder for Aarch64 {
    fn stack_pointer(&self) -> Reg {
        31
    }

    fn decode(&self, code: &[u8], address: u64) -> Option<Op> {
        let instruction = instruction(code)?;
        let mut op = Op::new(LEN);
        op.flow = flow(&instruction, address)?;
        let kind = kind(instruction.opcode);
        registers(&instruction, kind, &mut op);
        let place = instruction.operands.iter().find_map(memory).unwrap_or_default().0;
        if let Kind::Store { may_fail } = kind {
            let source = instruction.operands[usize::from(may_fail)];
            op.store = Some(StoreOp {
                bytes: stored_bytes(&instruction, source),
                what: match source {
                    Operand::Register(_, 31) => Stored::Constant(0),
                    Operand::Register(_, number) if pairs(instruction.opcode) == 1 => {
                        register(number).map_or(Stored::Unknown, Stored::Register)
                    }
                    _ => Stored::Unknown,
                },
                address: place,
                may_fail,
                repeats: false,
            });
        } else if kind == Kind::Atomic {
            let bytes = stored_bytes(&instruction, instruction.operands[0]);
            op.store = Some(StoreOp {
                bytes,
                what: Stored::Unknown,
                address: place,
                may_fail: false,
                repeats: false,
            });
        }
        op.value = value(&instruction, address);
        Some(op)
    }

    fn text(&self, code: &[u8], _address: u64) -> String {
        instruction(code).map_or_else(String::new, |instruction| instruction.to_string())
    }

    fn target(&self, code: &[u8], _address: u64) -> String {
        let Some(instruction) = instruction(code) else { return String::new() };
        let memory = instruction.operands.iter().find(|operand| memory(operand).is_some());
        memory.map_or_else(|| "memory".into(), ToString::to_string)
    }
}

fn flow(instruction: &Instruction, address: u64) -> Option<Flow> {
    use Opcode as O;
    let offset = instruction.operands.iter().find_map(|operand| match operand {
        Operand::PCOffset(offset) => Some(*offset),
        _ => None,
    });
    let branch = |conditional| {
        let target = address.wrapping_add_signed(offset?);
        Some(Flow::Branch { target, conditional })
    };
    match instruction.opcode {
        O::Invalid => None,
        O::B => branch(false),
        O::Bcc(_) | O::BCcc(_) | O::CBZ | O::CBNZ | O::TBZ | O::TBNZ => branch(true),
        O::BL | O::BLR | O::BLRAA | O::BLRAAZ | O::BLRAB | O::BLRABZ => Some(Flow::Call),
        O::BR
        | O::BRAA
        | O::BRAAZ
        | O::BRAB
        | O::BRABZ
        | O::RET
        | O::RETAA
        | O::RETAB
        | O::RETAASPPC
        | O::RETABSPPC
        | O::RETAASPPCR
        | O::RETABSPPCR
        | O::ERET
        | O::ERETAA
        | O::ERETAB
        | O::DRPS => Some(Flow::Indirect),
        O::SVC | O::HVC | O::SMC => Some(Flow::SystemCall),
        O::BRK | O::HLT | O::UDF | O::DCPS1 | O::DCPS2 | O::DCPS3 => Some(Flow::Trap),
        _ => Some(Flow::Next),
    }
}

/// The index of a register that is not the zero register.
fn register(number: u16) -> Option<Reg> {
    (number < 31).then(|| u8::try_from(number).ok())?
}

/// The index of a register that may be the stack pointer.
fn or_sp(number: u16) -> Option<Reg> {
    (number < 32).then(|| u8::try_from(number).ok())?
}

/// The registers of an operand that is none of memory.
fn plain(operand: &Operand) -> Option<Reg> {
    let vector = |number: u16| u8::try_from(number & 31).ok().map(|number| VECTORS + number);
    match *operand {
        Operand::Register(_, number) | Operand::RegShift(_, _, _, number) => register(number),
        Operand::RegisterOrSP(_, number) => or_sp(number),
        Operand::SIMDRegister(_, number)
        | Operand::SIMDRegisterElements(_, number, _)
        | Operand::SIMDRegisterElementsLane(_, number, _, _) => vector(number),
        _ => None,
    }
}

/// The registers that form an address, and the one that is changed by it.
fn memory(operand: &Operand) -> Option<(Regs, Option<Reg>)> {
    match *operand {
        Operand::RegRegOffset(base, offset, ..) => {
            Some((Regs::of(or_sp(base).into_iter().chain(register(offset))), None))
        }
        Operand::RegPreIndex(base, _, changed) => {
            Some((Regs::of(or_sp(base)), or_sp(base).filter(|_| changed)))
        }
        Operand::RegPostIndex(base, _) => Some((Regs::of(or_sp(base)), or_sp(base))),
        Operand::RegPostIndexReg(base, offset) => {
            Some((Regs::of(or_sp(base).into_iter().chain(register(offset))), or_sp(base)))
        }
        _ => None,
    }
}

fn registers(instruction: &Instruction, kind: Kind, op: &mut Op) {
    use Opcode as O;
    if let Kind::Load(_) | Kind::Atomic = kind {
        op.load = Some(Regs::default());
    }
    for (at, operand) in instruction.operands.iter().enumerate() {
        if let Some((address, changed)) = memory(operand) {
            op.reads.0 |= address.0;
            changed.into_iter().for_each(|base| op.writes.add(base));
            if let Kind::Load(_) | Kind::Atomic | Kind::Changes = kind {
                op.load = Some(address);
            }
            continue;
        }
        let Some(register) = plain(operand) else {
            // Groups of vectors, and pairs of registers.
            if matches!(
                operand,
                Operand::SIMDRegisterGroup(..)
                    | Operand::SIMDRegisterGroupLane(..)
                    | Operand::SIMDRegisterElementsMultipleLane(..)
                    | Operand::RegisterPair(..)
            ) {
                op.writes = Regs::ALL;
            }
            continue;
        };
        let (reads, writes) = match kind {
            Kind::Reads | Kind::Store { may_fail: false } => (true, false),
            Kind::Store { may_fail: true } => (at != 0, at == 0),
            Kind::Atomic => (true, true),
            Kind::Load(loaded) => (at >= loaded, at < loaded),
            Kind::Writes => (at != 0, at == 0),
            Kind::Changes => (true, at == 0),
        };
        if reads {
            op.reads.add(register);
        }
        if writes {
            op.writes.add(register);
        }
    }
    if matches!(
        instruction.opcode,
        O::Bcc(_)
            | O::BCcc(_)
            | O::CSEL
            | O::CSINC
            | O::CSINV
            | O::CSNEG
            | O::CCMP
            | O::CCMN
            | O::ADC
            | O::ADCS
            | O::SBC
            | O::SBCS
            | O::FCSEL
            | O::FCCMP
            | O::FCCMPE
            | O::RMIF
    ) {
        op.reads.add(FLAGS);
    }
    if matches!(
        instruction.opcode,
        O::ADDS
            | O::SUBS
            | O::ANDS
            | O::BICS
            | O::ADCS
            | O::SBCS
            | O::CCMP
            | O::CCMN
            | O::FCMP
            | O::FCMPE
            | O::FCCMP
            | O::FCCMPE
            | O::MSR
            | O::SETF8
            | O::SETF16
            | O::RMIF
            | O::SUBPS
    ) {
        op.writes.add(FLAGS);
    }
}

fn value(instruction: &Instruction, address: u64) -> Value {
    use Opcode as O;
    let [first, second, third, _] = &instruction.operands;
    // Narrow results are extended by zeros, so they are kept apart from sums of 64 bits only where they are constants.
    let dst = plain(first);
    match (instruction.opcode, third) {
        (O::ADD | O::ADDS | O::SUB | O::SUBS, Operand::Immediate(_) | Operand::ImmShift(..)) => {
            let by = match *third {
                Operand::ImmShift(by, shift) => i64::from(by) << (shift & 15),
                Operand::Immediate(by) => i64::from(by),
                _ => return Value::Sum,
            };
            let by = if matches!(instruction.opcode, O::SUB | O::SUBS) { -by } else { by };
            match (dst, plain(second)) {
                (Some(dst), Some(src)) => Value::Plus { dst, src, by },
                _ => Value::Sum,
            }
        }
        (O::ADD | O::ADDS | O::SUB | O::SUBS, _) => Value::Sum,
        (O::ORR, Operand::RegShift(ShiftStyle::LSL, 0, _, src)) if plain(second).is_none() => {
            match (dst, register(*src)) {
                (Some(dst), Some(src)) => Value::Plus { dst, src, by: 0 },
                (Some(dst), None) => Value::Constant { dst, value: 0 },
                _ => Value::Other,
            }
        }
        (O::MOVZ, _) => match (dst, second) {
            (Some(dst), Operand::ImmShift(value, shift)) => {
                Value::Constant { dst, value: u64::from(*value) << (shift & 63) }
            }
            _ => Value::Other,
        },
        (O::ADR | O::ADRP, _) => match (dst, second) {
            (Some(dst), Operand::PCOffset(offset)) => {
                let base = if instruction.opcode == O::ADRP { address & !0xfff } else { address };
                Value::Constant { dst, value: base.wrapping_add_signed(*offset) }
            }
            _ => Value::Other,
        },
        (O::CBZ | O::CBNZ | O::Bcc(_) | O::BCcc(_), _) => Value::Sum,
        (O::LDR | O::LDUR | O::LDAR, _) => Value::Sum,
        _ => Value::Other,
    }
}
