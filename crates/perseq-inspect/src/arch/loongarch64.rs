//! loongarch64: signature only.

use super::{Arch, Target};

pub(super) fn of(target: Target) -> Option<Arch> {
    (target.machine == 258 && target.wide).then_some(Arch {
        name: "loongarch64",
        // `break 0x10`
        signature: 0x002a_0010_u32.to_le_bytes(),
        code_align: 4,
        decoder: None,
    })
}
