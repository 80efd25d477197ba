//! arm: signature only.

use super::{Arch, Target};

/// `e_flags`: the code of a big-endian program is little-endian all the same.
const BE8: u32 = 0x0080_0000;

pub(super) fn of(target: Target) -> Option<Arch> {
    // `udf #24035`
    let signature: u32 = 0xe7f5_def3;
    let big_endian_code = target.big_endian && target.flags & BE8 == 0;
    (target.machine == 40 && !target.wide).then_some(Arch {
        name: "arm",
        signature: if big_endian_code { signature.to_be_bytes() } else { signature.to_le_bytes() },
        code_align: 2,
        decoder: None,
    })
}
