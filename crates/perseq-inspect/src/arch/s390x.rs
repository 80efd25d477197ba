//! s390x: signature only.

use super::{Arch, Target, as_data};

pub(super) fn of(target: Target) -> Option<Arch> {
    (target.machine == 22 && target.wide).then(|| Arch {
        name: "s390x",
        // `trap4 4095(%r0)`
        signature: as_data(0xb2ff_0fff, target),
        code_align: 2,
        decoder: None,
    })
}
