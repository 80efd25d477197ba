//! riscv64, with compressed instructions.
//!
//! The signature is `csrw mhartid, x0`, which traps. Of the instructions that sections rarely use, those of vectors and
//! of floating point among them, no more is known than whether they load, store or branch.

use std::sync::LazyLock;

use riscv_isa::{Instruction as I, Target as Isa, decode_le_bytes};

use super::{Arch, Decoder, Target};
use crate::code::{Flow, Op, Reg, Regs, StoreOp, Stored, Value};

pub(super) fn of(target: Target) -> Option<Arch> {
    (target.machine == 243 && target.wide && !target.big_endian).then_some(Arch {
        name: "riscv64",
        signature: 0xf140_1073_u32.to_le_bytes(),
        code_align: 2,
        decoder: Some(&Riscv64),
    })
}

struct Riscv64;

/// The extensions that the decoder knows.
static ISA: LazyLock<Option<Isa>> =
    LazyLock::new(|| "RV64IMAFDQCB_Zicsr_Zifencei_Zawrs_Zfh_Zba_Zbb_Zbs_Zbc_Zbkb".parse().ok());

fn instruction(code: &[u8]) -> Option<(I, u8)> {
    if let Some(instruction) = code.first_chunk().and_then(|half| amended(u16::from_le_bytes(*half))) {
        return (instruction != I::UNIMP).then_some((instruction, 2));
    }
    let (instruction, len) = decode_le_bytes(code, ISA.as_ref()?)?;
    (instruction != I::UNIMP).then_some((instruction, u8::try_from(len).ok()?))
}

/// Compressed instructions that version 0.3.1 of the decoder does not know, or takes for others: shifts by 32 and more, and `c.and`,
/// which it looks for where there is none.
fn amended(half: u16) -> Option<I> {
    let bits = |from: u16, count: u16| u32::from(half >> from & ((1 << count) - 1));
    let (rd, rd_low, rs2_low) = (bits(7, 5), bits(7, 3) + 8, bits(2, 3) + 8);
    let shamt = bits(2, 5) + 32;
    match (bits(0, 2), bits(13, 3), bits(12, 1), bits(10, 2), bits(5, 2)) {
        (0b01, 0b100, 1, 0b00, _) => Some(I::SRLI { rd: rd_low, rs1: rd_low, shamt }),
        (0b01, 0b100, 1, 0b01, _) => Some(I::SRAI { rd: rd_low, rs1: rd_low, shamt }),
        (0b01, 0b100, 0, 0b11, 0b11) => Some(I::AND { rd: rd_low, rs1: rd_low, rs2: rs2_low }),
        (0b01, 0b100, 1, 0b11, 0b11) => Some(I::UNIMP),
        (0b10, 0b000, 1, _, _) => Some(I::SLLI { rd, rs1: rd, shamt }),
        _ => None,
    }
}

impl Decoder for Riscv64 {
    fn stack_pointer(&self) -> Reg {
        2
    }

    fn decode(&self, code: &[u8], address: u64) -> Option<Op> {
        let (instruction, len) = instruction(code)?;
        let mut op = Op::new(len);
        op.flow = flow(&instruction, address);
        registers(&instruction, &mut op);
        op.value = value(&instruction, address);
        if instruction.load() {
            op.load = Some(base(&instruction).map_or(Regs::ALL, |(base, _)| Regs::of(register(base))));
        }
        if instruction.store() {
            op.store = Some(store(&instruction));
        }
        Some(op)
    }

    fn text(&self, code: &[u8], _address: u64) -> String {
        instruction(code).map_or_else(String::new, |(instruction, _)| names(&instruction.to_string()))
    }

    fn target(&self, code: &[u8], _address: u64) -> String {
        match instruction(code).and_then(|(instruction, _)| base(&instruction)) {
            Some((base, offset)) => format!("{offset}({})", name(base)),
            None => "memory".into(),
        }
    }
}

/// Names of the calling convention.
fn name(register: u32) -> &'static str {
    const NAMES: [&str; 32] = [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
        "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    ];
    NAMES.get(register as usize).copied().unwrap_or("?")
}

/// `x10` becomes `a0`.
fn names(text: &str) -> String {
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('x') {
        let (before, from) = rest.split_at(at);
        named.push_str(before);
        let digits = from[1..].bytes().take_while(u8::is_ascii_digit).count();
        let starts_a_word = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
        match from[1..=digits].parse() {
            Ok(number) if starts_a_word && number < 32 => named.push_str(name(number)),
            _ => named.push_str(&from[..=digits]),
        }
        rest = &from[digits + 1..];
    }
    named + rest
}

/// The index of a register that is not the zero register.
fn register(number: u32) -> Option<Reg> {
    (1..32).contains(&number).then_some(number as Reg)
}

fn flow(instruction: &I, address: u64) -> Flow {
    let to = |offset: i32| address.wrapping_add_signed(i64::from(offset));
    match *instruction {
        I::JAL { rd: 0, offset } => Flow::Branch { target: to(offset), conditional: false },
        I::JALR { rd: 0, .. } => Flow::Indirect,
        I::JAL { .. } | I::JALR { .. } => Flow::Call,
        I::BEQ { offset, .. }
        | I::BNE { offset, .. }
        | I::BLT { offset, .. }
        | I::BGE { offset, .. }
        | I::BLTU { offset, .. }
        | I::BGEU { offset, .. } => Flow::Branch { target: to(offset), conditional: true },
        I::ECALL => Flow::SystemCall,
        I::EBREAK | I::MRET | I::SRET | I::WFI => Flow::Trap,
        _ => Flow::Next,
    }
}

/// The register and the offset that form the address of an access.
fn base(instruction: &I) -> Option<(u32, i32)> {
    Some(match *instruction {
        I::LB { rs1, offset, .. }
        | I::LH { rs1, offset, .. }
        | I::LW { rs1, offset, .. }
        | I::LD { rs1, offset, .. }
        | I::LBU { rs1, offset, .. }
        | I::LHU { rs1, offset, .. }
        | I::LWU { rs1, offset, .. }
        | I::SB { rs1, offset, .. }
        | I::SH { rs1, offset, .. }
        | I::SW { rs1, offset, .. }
        | I::SD { rs1, offset, .. }
        | I::FLW { rs1, offset, .. }
        | I::FLD { rs1, offset, .. }
        | I::FSW { rs1, offset, .. }
        | I::FSD { rs1, offset, .. } => (rs1, offset),
        I::LR_W { rs1, .. }
        | I::LR_D { rs1, .. }
        | I::SC_W { rs1, .. }
        | I::SC_D { rs1, .. }
        | I::AMOSWAP_W { rs1, .. }
        | I::AMOADD_W { rs1, .. }
        | I::AMOXOR_W { rs1, .. }
        | I::AMOAND_W { rs1, .. }
        | I::AMOOR_W { rs1, .. }
        | I::AMOMIN_W { rs1, .. }
        | I::AMOMAX_W { rs1, .. }
        | I::AMOMINU_W { rs1, .. }
        | I::AMOMAXU_W { rs1, .. }
        | I::AMOSWAP_D { rs1, .. }
        | I::AMOADD_D { rs1, .. }
        | I::AMOXOR_D { rs1, .. }
        | I::AMOAND_D { rs1, .. }
        | I::AMOOR_D { rs1, .. }
        | I::AMOMIN_D { rs1, .. }
        | I::AMOMAX_D { rs1, .. }
        | I::AMOMINU_D { rs1, .. }
        | I::AMOMAXU_D { rs1, .. } => (rs1, 0),
        _ => return None,
    })
}

fn store(instruction: &I) -> StoreOp {
    let source = |number| register(number).map_or(Stored::Constant(0), Stored::Register);
    let (bytes, what) = match *instruction {
        I::SB { rs2, .. } => (1, source(rs2)),
        I::SH { rs2, .. } => (2, source(rs2)),
        I::SW { rs2, .. } | I::SC_W { rs2, .. } => (4, source(rs2)),
        I::SD { rs2, .. } | I::SC_D { rs2, .. } => (8, source(rs2)),
        I::FSW { .. } => (4, Stored::Unknown),
        I::FSD { .. } => (8, Stored::Unknown),
        _ => (0, Stored::Unknown),
    };
    let address = Regs::of(base(instruction).and_then(|(base, _)| register(base)));
    let may_fail = matches!(instruction, I::SC_W { .. } | I::SC_D { .. });
    StoreOp { bytes, what, address, may_fail, repeats: false }
}

fn registers(instruction: &I, op: &mut Op) {
    let (dst, sources): (Option<u32>, [u32; 2]) = match *instruction {
        I::LUI { rd, .. } | I::AUIPC { rd, .. } | I::JAL { rd, .. } => (Some(rd), [0, 0]),
        I::JALR { rd, rs1, .. }
        | I::ADDI { rd, rs1, .. }
        | I::SLTI { rd, rs1, .. }
        | I::SLTIU { rd, rs1, .. }
        | I::XORI { rd, rs1, .. }
        | I::ORI { rd, rs1, .. }
        | I::ANDI { rd, rs1, .. }
        | I::SLLI { rd, rs1, .. }
        | I::SRLI { rd, rs1, .. }
        | I::SRAI { rd, rs1, .. }
        | I::ADDIW { rd, rs1, .. }
        | I::SLLIW { rd, rs1, .. }
        | I::SRLIW { rd, rs1, .. }
        | I::SRAIW { rd, rs1, .. }
        | I::LB { rd, rs1, .. }
        | I::LH { rd, rs1, .. }
        | I::LW { rd, rs1, .. }
        | I::LD { rd, rs1, .. }
        | I::LBU { rd, rs1, .. }
        | I::LHU { rd, rs1, .. }
        | I::LWU { rd, rs1, .. }
        | I::LR_W { rd, rs1, .. }
        | I::LR_D { rd, rs1, .. } => (Some(rd), [rs1, 0]),
        I::ADD { rd, rs1, rs2 }
        | I::SUB { rd, rs1, rs2 }
        | I::SLL { rd, rs1, rs2 }
        | I::SLT { rd, rs1, rs2 }
        | I::SLTU { rd, rs1, rs2 }
        | I::XOR { rd, rs1, rs2 }
        | I::SRL { rd, rs1, rs2 }
        | I::SRA { rd, rs1, rs2 }
        | I::OR { rd, rs1, rs2 }
        | I::AND { rd, rs1, rs2 }
        | I::ADDW { rd, rs1, rs2 }
        | I::SUBW { rd, rs1, rs2 }
        | I::MUL { rd, rs1, rs2 }
        | I::SC_W { rd, rs1, rs2, .. }
        | I::SC_D { rd, rs1, rs2, .. } => (Some(rd), [rs1, rs2]),
        I::BEQ { rs1, rs2, .. }
        | I::BNE { rs1, rs2, .. }
        | I::BLT { rs1, rs2, .. }
        | I::BGE { rs1, rs2, .. }
        | I::BLTU { rs1, rs2, .. }
        | I::BGEU { rs1, rs2, .. }
        | I::SB { rs1, rs2, .. }
        | I::SH { rs1, rs2, .. }
        | I::SW { rs1, rs2, .. }
        | I::SD { rs1, rs2, .. } => (None, [rs1, rs2]),
        I::FSW { rs1, .. } | I::FSD { rs1, .. } | I::FLW { rs1, .. } | I::FLD { rs1, .. } => (None, [rs1, 0]),
        I::FENCE { .. } | I::FENCE_I | I::ECALL | I::EBREAK => (None, [0, 0]),
        _ => {
            (op.reads, op.writes) = (Regs::ALL, Regs::ALL);
            return;
        }
    };
    op.reads = Regs::of(sources.into_iter().filter_map(register));
    op.writes = Regs::of(dst.and_then(register));
}

fn value(instruction: &I, address: u64) -> Value {
    let to = |rd, value: Value| if register(rd).is_some() { value } else { Value::Other };
    match *instruction {
        I::ADDI { rd, rs1, imm } => {
            let (dst, by) = (rd as Reg, i64::from(imm));
            to(
                rd,
                match register(rs1) {
                    Some(src) => Value::Plus { dst, src, by },
                    None => Value::Constant { dst, value: by as u64 },
                },
            )
        }
        I::ADDIW { rd, rs1, imm } => match register(rs1) {
            // Within 32 bits, which is all that a loop counts to.
            Some(src) if src == rd as Reg => to(rd, Value::Plus { dst: rd as Reg, src, by: i64::from(imm) }),
            _ => Value::Sum,
        },
        I::AUIPC { rd, imm } => {
            to(rd, Value::Constant { dst: rd as Reg, value: address.wrapping_add_signed(upper(imm)) })
        }
        I::LUI { rd, imm } => to(rd, Value::Constant { dst: rd as Reg, value: upper(imm) as u64 }),
        I::ADD { rd, rs1, rs2 } if rs1 == 0 || rs2 == 0 => match register(rs1 | rs2) {
            Some(src) => to(rd, Value::Plus { dst: rd as Reg, src, by: 0 }),
            None => to(rd, Value::Constant { dst: rd as Reg, value: 0 }),
        },
        I::ADD { .. }
        | I::SUB { .. }
        | I::ADDW { .. }
        | I::SUBW { .. }
        | I::LD { .. }
        | I::LW { .. }
        | I::LWU { .. }
        | I::BLT { .. }
        | I::BGE { .. }
        | I::BLTU { .. }
        | I::BGEU { .. }
        | I::BEQ { .. }
        | I::BNE { .. } => Value::Sum,
        _ => Value::Other,
    }
}

/// The value of upper bits that the decoder gives as a number of twenty.
fn upper(imm: u32) -> i64 {
    i64::from((imm << 12) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As GNU objdump reads them.
    #[test]
    fn instructions_are_those_of_another_disassembler() {
        for (code, text) in [
            (&[0x6d, 0x8c][..], "and s0, s0, a1"),
            (&[0x42, 0x15], "slli a0, a0, 48"),
            (&[0x41, 0x91], "srli a0, a0, 48"),
            (&[0x41, 0x95], "srai a0, a0, 48"),
            (&[0x0e, 0x05], "slli a0, a0, 3"),
            (&[0x6d, 0x8d], "and a0, a0, a1"),
            (&[0x4d, 0x8d], "or a0, a0, a1"),
            (&[0x0d, 0x8d], "sub a0, a0, a1"),
            (&[0x73, 0x25, 0x10, 0xc0], "csrrs a0, 3073, zero"),
            (&[0x23, 0xb4, 0x54, 0x00], "sd t0, 8(s1)"),
            (&[0x97, 0x12, 0x00, 0x00], "auipc t0, 1"),
        ] {
            assert_eq!(Riscv64.text(code, 0x1000), text);
            assert_eq!(Riscv64.decode(code, 0x1000).map(|op| usize::from(op.len)), Some(code.len()));
        }
        let auipc = Riscv64.decode(&[0x97, 0x12, 0x00, 0x00], 0x1000).map(|op| op.value);
        assert_eq!(auipc, Some(Value::Constant { dst: 5, value: 0x2000 }));
        for nothing in [&[0x00, 0x00][..], &[0xff; 4], &[0x73], &[0x6d, 0x9d]] {
            assert_eq!(Riscv64.decode(nothing, 0), None);
        }
    }
}
