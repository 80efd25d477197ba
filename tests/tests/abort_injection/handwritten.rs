//! Critical sections by hand: one that is right, and each way to get it wrong.
//!
//! They are in no table, so that only the controls know them.

use std::arch::global_asm;
use std::sync::atomic::AtomicU64;

use perseq::registration::Registered;
use perseq_abi::{Rseq, RseqCs, SIGNATURE};
use perseq_tests::inject::{Name, Section};

/// A section that adds a number to a word.
#[derive(Debug)]
pub struct Handwritten {
    name: &'static str,
    /// `(area, word, n)`; whether it says that it committed.
    attempt: unsafe extern "C" fn(*mut Rseq, *mut u64, u64) -> bool,
    descriptor: &'static RseqCs,
}

impl Handwritten {
    /// Attempts the addition once.
    ///
    /// # Panics
    /// If the thread is not registered.
    pub fn attempt(&self, word: &AtomicU64, n: u64) -> bool {
        let area = Registered::current().expect("a registered thread").area();
        // SAFETY: the thread's own area, of which only `rseq_cs` is written, and a word that lives.
        unsafe { (self.attempt)(area.as_ptr(), word.as_ptr(), n) }
    }

    /// The section, for the harness.
    pub fn section(&self) -> Section {
        // SAFETY: it describes code below.
        unsafe { Section::new(*self.descriptor, Name::given(self.name)) }
    }
}

/// `$arm` stands before the section; `$commit` is the commit and, as label 5, the end of the section; the abort handler
/// returns `$verdict` and has `$signature` before it.
macro_rules! handwritten {
    ($(
        $constant:ident $name:literal:
        arm $arm:literal, commit $commit:literal, verdict $verdict:literal, signature $signature:expr;
    )*) => { $(
        global_asm!(
            ".pushsection .data.rel.ro, \"aw\"",
            ".balign 32",
            concat!($name, "_descriptor:"),
            ".long 0, 0",
            ".quad 4f, (5f - 4f), 7f",
            ".popsection",
            ".pushsection .text",
            concat!($name, "_attempt:"),
            concat!("lea rax, [rip + ", $name, "_descriptor]"),
            $arm,
            "4:",
            "mov rcx, qword ptr [rsi]",
            "add rcx, rdx",
            $commit,
            "mov qword ptr [rdi + 8], 0",
            "mov eax, 1",
            "ret",
            ".byte 0x0f, 0xb9, 0x3d",
            ".long {signature}",
            "7:",
            "mov qword ptr [rdi + 8], 0",
            concat!("mov eax, ", $verdict),
            "ret",
            ".popsection",
            signature = const $signature,
        );

        /// See the macro's arguments.
        pub static $constant: Handwritten = {
            unsafe extern "C" {
                #[link_name = concat!($name, "_attempt")]
                fn attempt(area: *mut Rseq, word: *mut u64, n: u64) -> bool;
                #[link_name = concat!($name, "_descriptor")]
                static DESCRIPTOR: RseqCs;
            }
            // SAFETY: defined above with this layout, and never written.
            Handwritten { name: $name, attempt, descriptor: unsafe { &DESCRIPTOR } }
        };
    )* };
}

handwritten! {
    RIGHT "perseq_right":
        arm "mov qword ptr [rdi + 8], rax", commit "mov qword ptr [rsi], rcx\n5:",
        verdict "0", signature SIGNATURE;
    NOT_ARMED "perseq_not_armed":
        arm "", commit "mov qword ptr [rsi], rcx\n5:",
        verdict "0", signature SIGNATURE;
    PRETENDS "perseq_pretends":
        arm "mov qword ptr [rdi + 8], rax", commit "mov qword ptr [rsi], rcx\n5:",
        verdict "1", signature SIGNATURE;
    ENDS_EARLY "perseq_ends_early":
        arm "mov qword ptr [rdi + 8], rax", commit "5: mov qword ptr [rsi], rcx",
        verdict "0", signature SIGNATURE;
    ENDS_LATE "perseq_ends_late":
        arm "mov qword ptr [rdi + 8], rax", commit "mov qword ptr [rsi], rcx\nnop dword ptr [rax]\n5:",
        verdict "0", signature SIGNATURE;
    WRONG_SIGNATURE "perseq_wrong_signature":
        arm "mov qword ptr [rdi + 8], rax", commit "mov qword ptr [rsi], rcx\n5:",
        verdict "0", signature SIGNATURE ^ 1;
}
