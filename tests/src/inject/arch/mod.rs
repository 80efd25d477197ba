//! What is particular to an architecture: the trap instruction, where instructions begin, and where a thread was interrupted.

// One of these.
#[cfg_attr(any(target_arch = "x86_64", target_arch = "x86"), path = "x86.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(target_arch = "loongarch64", path = "loongarch64.rs")]
mod imp;

pub(super) use imp::{TRAP, TRAP_ADVANCES, TRAP_SIGNAL, decode, pc, set_pc};

/// Splits code that lies at `at` by the length of the instruction that begins with these bytes; instructions are shown as
/// they lie in memory.
#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
fn split(code: &[u8], at: u64, length: impl Fn(&[u8]) -> usize) -> Vec<super::sections::Instruction> {
    use super::sections::Instruction;

    let mut instructions = Vec::new();
    let mut from = 0;
    while let Some(bytes) = code.get(from..from + length(&code[from..])) {
        let text = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        instructions.push(Instruction { at: at + from as u64, text });
        from += bytes.len();
        if from == code.len() {
            break;
        }
    }
    instructions
}
