//! x86-64 and x86 of 32 bits.
//!
//! The signature is the displacement of `ud1 0x53053053(%rip), %edi`.

use iced_x86::{
    Decoder as Iced, DecoderOptions, FlowControl, Formatter as _, Instruction, InstructionInfoFactory,
    InstructionInfoOptions, IntelFormatter, MemorySizeOptions, Mnemonic, OpAccess, OpKind, Register,
};

use super::{Arch, Decoder, Target};
use crate::code::{FLAGS, Flow, OTHERS, Op, Reg, Regs, StoreOp, Stored, VECTORS, Value};

pub(super) fn of(target: Target) -> Option<Arch> {
    let (name, decoder): (_, &'static dyn Decoder) = match target.machine {
        62 => ("x86_64", &X86 { bits: 64 }),
        3 if !target.wide => ("x86", &X86 { bits: 32 }),
        _ => return None,
    };
    let signature = 0x5305_3053_u32.to_le_bytes();
    (!target.big_endian).then_some(Arch { name, signature, code_align: 1, decoder: Some(decoder) })
}

struct X86 {
    bits: u32,
}

impl X86 {
    fn instruction(&self, code: &[u8], address: u64) -> Option<Instruction> {
        let mut decoder = Iced::with_ip(self.bits, code, address, DecoderOptions::NONE);
        let instruction = decoder.can_decode().then(|| decoder.decode())?;
        (!instruction.is_invalid()).then_some(instruction)
    }
}

impl Decoder for X86 {
    fn stack_pointer(&self) -> Reg {
        4
    }

    fn decode(&self, code: &[u8], address: u64) -> Option<Op> {
        let instruction = self.instruction(code, address)?;
        let mut op = Op::new(u8::try_from(instruction.len()).ok()?);
        op.flow = flow(&instruction);
        let mut factory = InstructionInfoFactory::new();
        let info = factory.info_options(&instruction, InstructionInfoOptions::NONE);
        for used in info.used_registers() {
            let Some(register) = index(used.register()) else { continue };
            if !matches!(used.access(), OpAccess::Write | OpAccess::CondWrite | OpAccess::NoMemAccess) {
                op.reads.add(register);
            }
            if matches!(
                used.access(),
                OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
            ) {
                op.writes.add(register);
            }
        }
        if instruction.rflags_read() != 0 {
            op.reads.add(FLAGS);
        }
        if instruction.rflags_modified() != 0 {
            op.writes.add(FLAGS);
        }
        for used in info.used_memory() {
            let stores = matches!(
                used.access(),
                OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
            );
            if !matches!(used.access(), OpAccess::Write | OpAccess::CondWrite | OpAccess::NoMemAccess) {
                let address = [used.base(), used.index()].into_iter().filter_map(index);
                op.load = Some(Regs(op.load.unwrap_or_default().0 | Regs::of(address).0));
            }
            if stores && op.flow == Flow::Next {
                op.store = Some(StoreOp {
                    bytes: u32::try_from(used.memory_size().size()).unwrap_or(0),
                    what: stored(&instruction),
                    address: Regs::of([used.base(), used.index()].into_iter().filter_map(index)),
                    may_fail: false,
                    repeats: repeats(&instruction),
                });
            }
        }
        op.counts_down = repeats(&instruction)
            || matches!(instruction.mnemonic(), Mnemonic::Loop | Mnemonic::Loope | Mnemonic::Loopne);
        op.value = value(&instruction);
        Some(op)
    }

    fn text(&self, code: &[u8], address: u64) -> String {
        let mut text = String::new();
        if let Some(instruction) = self.instruction(code, address) {
            formatter().format(&instruction, &mut text);
        }
        text
    }

    fn target(&self, code: &[u8], address: u64) -> String {
        let mut text = String::new();
        if let Some(instruction) = self.instruction(code, address) {
            let mut formatter = formatter();
            formatter.options_mut().set_memory_size_options(MemorySizeOptions::Never);
            let memory = (0..formatter.operand_count(&instruction)).find(|operand| {
                let of_instruction = formatter.get_instruction_operand(&instruction, *operand);
                matches!(of_instruction, Ok(Some(at)) if is_memory(instruction.op_kind(at)))
            });
            let formatted =
                memory.is_some_and(|at| formatter.format_operand(&instruction, &mut text, at).is_ok());
            if !formatted {
                // `push` and its like.
                text = "the stack".into();
            }
        }
        text
    }
}

fn formatter() -> IntelFormatter {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_space_after_operand_separator(true);
    options.set_uppercase_hex(false);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    formatter
}

fn is_memory(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Memory
            | OpKind::MemoryESDI
            | OpKind::MemoryESEDI
            | OpKind::MemoryESRDI
            | OpKind::MemorySegRDI
    )
}

fn repeats(instruction: &Instruction) -> bool {
    instruction.is_string_instruction() && (instruction.has_rep_prefix() || instruction.has_repne_prefix())
}

fn flow(instruction: &Instruction) -> Flow {
    match (instruction.mnemonic(), instruction.flow_control()) {
        (Mnemonic::Syscall | Mnemonic::Sysenter | Mnemonic::Int | Mnemonic::Into | Mnemonic::Vmcall, _) => {
            Flow::SystemCall
        }
        (_, FlowControl::Next) => Flow::Next,
        (_, FlowControl::UnconditionalBranch) if is_near(instruction) => {
            Flow::Branch { target: instruction.near_branch_target(), conditional: false }
        }
        (_, FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend) if is_near(instruction) => {
            Flow::Branch { target: instruction.near_branch_target(), conditional: true }
        }
        (Mnemonic::Xend | Mnemonic::Xabort, _) => Flow::Next,
        (_, FlowControl::Call | FlowControl::IndirectCall) => Flow::Call,
        (_, FlowControl::Interrupt | FlowControl::Exception) => Flow::Trap,
        _ => Flow::Indirect,
    }
}

fn is_near(instruction: &Instruction) -> bool {
    matches!(instruction.op0_kind(), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64)
}

/// The index of a register; none for the instruction pointer, and where there is no register.
fn index(register: Register) -> Option<Reg> {
    let full = register.full_register();
    match full {
        Register::None | Register::RIP | Register::EIP => None,
        _ if register.is_gpr() => u8::try_from(full.number()).ok(),
        _ if register.is_vector_register() => u8::try_from(full.number()).ok().map(|number| VECTORS + number),
        _ => Some(OTHERS),
    }
}

/// A whole register, or the half that is extended to the whole when it is written.
fn whole(instruction: &Instruction, operand: u32) -> Option<Reg> {
    let register = instruction.op_register(operand);
    let is_whole =
        instruction.op_kind(operand) == OpKind::Register && (register.is_gpr32() || register.is_gpr64());
    is_whole.then(|| index(register))?
}

fn immediate(instruction: &Instruction, operand: u32) -> Option<u64> {
    instruction.try_immediate(operand).ok()
}

fn stored(instruction: &Instruction) -> Stored {
    if instruction.mnemonic() != Mnemonic::Mov {
        return Stored::Unknown;
    }
    let register = whole(instruction, 1).map(Stored::Register);
    register.or_else(|| immediate(instruction, 1).map(Stored::Constant)).unwrap_or(Stored::Unknown)
}

fn value(instruction: &Instruction) -> Value {
    let plus = |by: Option<i64>| match (whole(instruction, 0), by) {
        (Some(dst), Some(by)) => Value::Plus { dst, src: dst, by },
        _ => Value::Other,
    };
    let twice = || {
        instruction.op1_kind() == OpKind::Register
            && instruction.op0_kind() == OpKind::Register
            && instruction.op0_register() == instruction.op1_register()
    };
    match instruction.mnemonic() {
        Mnemonic::Mov => match (whole(instruction, 0), whole(instruction, 1), immediate(instruction, 1)) {
            (Some(dst), Some(src), _) => Value::Plus { dst, src, by: 0 },
            (Some(dst), _, Some(value)) => Value::Constant { dst, value },
            (Some(_), ..) => Value::Sum,
            _ => Value::Other,
        },
        Mnemonic::Lea => lea(instruction),
        Mnemonic::Inc => plus(Some(1)),
        Mnemonic::Dec => plus(Some(-1)),
        Mnemonic::Xor | Mnemonic::Sub if twice() => {
            whole(instruction, 0).map_or(Value::Other, |dst| Value::Constant { dst, value: 0 })
        }
        Mnemonic::Cmp if twice() => Value::Other,
        Mnemonic::Add | Mnemonic::Sub => match immediate(instruction, 1) {
            Some(by) if instruction.mnemonic() == Mnemonic::Add => plus(Some(by as i64)),
            Some(by) => plus(Some((by as i64).wrapping_neg())),
            None => Value::Sum,
        },
        Mnemonic::Cmp | Mnemonic::Neg | Mnemonic::Jrcxz | Mnemonic::Jecxz => Value::Sum,
        Mnemonic::Test if twice() => Value::Sum,
        Mnemonic::Jp | Mnemonic::Jnp | Mnemonic::Jo | Mnemonic::Jno => Value::Other,
        _ if instruction.is_jcc_short_or_near() => Value::Sum,
        _ => Value::Other,
    }
}

fn lea(instruction: &Instruction) -> Value {
    let Some(dst) = whole(instruction, 0) else { return Value::Other };
    let displacement = instruction.memory_displacement64();
    match (instruction.memory_base(), instruction.memory_index()) {
        (Register::None | Register::RIP, Register::None) => Value::Constant { dst, value: displacement },
        (base, Register::None) => match index(base) {
            Some(src) => Value::Plus { dst, src, by: displacement as i64 },
            None => Value::Other,
        },
        _ => Value::Sum,
    }
}
