//! What differs between architectures: the signature before abort handlers, and how instructions are read.
//!
//! One file for each. A file is chosen by what the ELF header says, never by what this machine is. Where there is no
//! [`Decoder`], sections are found and their descriptors verified, and the report says that the code is not.

mod aarch64;
mod arm;
mod loongarch64;
mod powerpc64;
mod riscv64;
mod s390x;
mod x86;

use crate::code::{Op, Reg};

/// What the ELF header says about the processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// `e_machine`.
    pub(crate) machine: u16,
    /// Addresses have 64 bits.
    pub(crate) wide: bool,
    /// Data are big-endian.
    pub(crate) big_endian: bool,
    /// `e_flags`.
    pub(crate) flags: u32,
}

/// An architecture.
pub(crate) struct Arch {
    /// As in `cfg(target_arch = "…")`.
    pub(crate) name: &'static str,
    /// The four bytes before an abort handler, as they are in memory.
    pub(crate) signature: [u8; 4],
    /// Addresses of instructions are multiples of this.
    pub(crate) code_align: u64,
    /// Reads its instructions.
    pub(crate) decoder: Option<&'static dyn Decoder>,
}

/// Reduces instructions to what the rules are about.
pub(crate) trait Decoder: Sync {
    /// The register that points to the stack.
    fn stack_pointer(&self) -> Reg;
    /// The instruction at the start of `code`, which lies at `address`; `None` if there is no such instruction.
    fn decode(&self, code: &[u8], address: u64) -> Option<Op>;
    /// The same for people.
    fn text(&self, code: &[u8], address: u64) -> String;
    /// Where it stores, for people; only called if it stores.
    fn target(&self, code: &[u8], address: u64) -> String;
}

/// The architecture of a file, if it is known.
pub(crate) fn of(target: Target) -> Option<Arch> {
    let known = [x86::of, aarch64::of, riscv64::of, arm::of, loongarch64::of, powerpc64::of, s390x::of];
    known.iter().find_map(|of| of(target))
}

/// A signature that is read as data, in the order of the data.
fn as_data(signature: u32, target: Target) -> [u8; 4] {
    if target.big_endian { signature.to_be_bytes() } else { signature.to_le_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_in_the_table() {
        let machine = match std::env::consts::ARCH {
            "x86_64" => 62,
            "x86" => 3,
            "aarch64" => 183,
            "arm" => 40,
            "riscv64" => 243,
            "loongarch64" => 258,
            "powerpc64" => 21,
            "s390x" => 22,
            other => panic!("{other} is not known"),
        };
        let wide = cfg!(target_pointer_width = "64");
        let arch = of(Target { machine, wide, big_endian: cfg!(target_endian = "big"), flags: 0 });
        let arch = arch.expect("an architecture");
        assert_eq!(arch.name, std::env::consts::ARCH);
        assert_eq!(u32::from_ne_bytes(arch.signature), perseq_abi::SIGNATURE);
    }

    #[test]
    fn signatures_follow_the_order_of_the_instructions_or_the_data() {
        let signature = |machine, wide, big_endian, flags| {
            of(Target { machine, wide, big_endian, flags }).expect("an architecture").signature
        };
        // Instructions of aarch64 are little-endian always, those of arm since BE8.
        assert_eq!(signature(183, true, true, 0), signature(183, true, false, 0));
        assert_eq!(signature(40, false, true, 0x0080_0000), signature(40, false, false, 0));
        assert_eq!(signature(40, false, true, 0), [0xe7, 0xf5, 0xde, 0xf3]);
        assert_eq!(signature(21, true, true, 0), [0x0f, 0xe5, 0x00, 0x0b]);
        assert_eq!(signature(21, true, false, 0), [0x0b, 0x00, 0xe5, 0x0f]);
        assert!(of(Target { machine: 8, wide: true, big_endian: false, flags: 0 }).is_none());
    }
}
