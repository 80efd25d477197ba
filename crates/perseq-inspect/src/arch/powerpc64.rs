//! powerpc64, of either byte order: signature only.

use super::{Arch, Target, as_data};

pub(super) fn of(target: Target) -> Option<Arch> {
    (target.machine == 21 && target.wide).then(|| Arch {
        name: "powerpc64",
        // `twui r5, 11`
        signature: as_data(0x0fe5_000b, target),
        code_align: 4,
        decoder: None,
    })
}
