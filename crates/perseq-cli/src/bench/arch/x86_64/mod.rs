//! x86-64 Linux: two instructions that know the CPU, and a section written by hand.

pub mod handwritten;

use std::arch::asm;

/// The running CPU from the limit of the segment that Linux keeps for this purpose: what the vDSO did before
/// `rdpid`. (Intel SDM, volume 2, LSL.) The lower 12 bits of the limit are the CPU, the rest is its node.
pub struct Lsl(());

impl Lsl {
    /// Proof that the system has that segment.
    pub fn available() -> Result<Self, String> {
        let found: u8;
        // SAFETY: `lsl` reads the descriptor table, writes its first operand and the flags, and cannot
        // fault; if the selector names nothing it clears ZF.
        unsafe {
            asm!(
                "lsl {limit:e}, {selector:e}",
                "setz {found}",
                limit = out(reg) _,
                selector = in(reg) SELECTOR,
                found = out(reg_byte) found,
                options(nomem, nostack),
            );
        }
        if found == 1 { Ok(Self(())) } else { Err("this kernel keeps no CPU number in a segment".to_owned()) }
    }

    /// The running CPU.
    #[inline(always)]
    pub fn cpu(&self) -> usize {
        let limit: u64;
        // SAFETY: as above; that the selector is valid is what `self` stands for.
        unsafe {
            asm!(
                "lsl {limit:e}, {selector:e}",
                limit = out(reg) limit,
                selector = in(reg) SELECTOR,
                options(nomem, nostack),
            );
        }
        limit as usize & 0xfff
    }
}

/// The selector of Linux's `GDT_ENTRY_CPUNODE` (15), with privilege 3.
const SELECTOR: u32 = 15 * 8 + 3;

/// The running CPU by `rdpid`, from the register that Linux keeps it in. (Intel SDM, volume 2, RDPID.)
pub struct Rdpid(());

impl Rdpid {
    /// Proof that the CPU knows the instruction. Linux fills the register wherever it does.
    pub fn available() -> Result<Self, String> {
        let leaves = std::arch::x86_64::__cpuid(0).eax;
        let known = leaves >= 7 && std::arch::x86_64::__cpuid_count(7, 0).ecx & (1 << 22) != 0;
        if known { Ok(Self(())) } else { Err("this CPU has no rdpid instruction".to_owned()) }
    }

    /// The running CPU.
    #[inline(always)]
    pub fn cpu(&self) -> usize {
        let id: u64;
        // SAFETY: `rdpid` writes its operand and nothing else; that the CPU knows it is what `self` stands for.
        unsafe { asm!("rdpid {}", out(reg) id, options(nomem, nostack, preserves_flags)) }
        id as usize & 0xfff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_agree_with_the_scheduler() {
        let cpus = crate::sys::allowed_cpus();
        std::thread::spawn(move || {
            for cpu in cpus {
                if crate::sys::pin(&[cpu]).is_err() {
                    return;
                }
                if let Ok(lsl) = Lsl::available() {
                    assert_eq!(lsl.cpu(), cpu as usize);
                }
                if let Ok(rdpid) = Rdpid::available() {
                    assert_eq!(rdpid.cpu(), cpu as usize);
                }
            }
        })
        .join()
        .unwrap();
    }
}
