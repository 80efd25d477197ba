//! Systems without rseq: nothing is ever registered.

use core::ptr::NonNull;

use perseq_abi::Feature;
use perseq_abi::slice::SliceCtrl;

use super::Reason;
use super::status::Owner;

/// There is nothing to register with.
pub(crate) fn adopt() -> bool {
    false
}

/// No sections here.
pub(crate) fn is_off() -> bool {
    true
}

/// No kernel, no features.
pub(crate) fn has(_feature: Feature) -> bool {
    false
}

/// No areas, of no length.
pub(crate) fn sizes() -> (u32, u32) {
    (0, 0)
}

/// No kernel to ask.
pub(crate) fn slice_ctrl() -> Option<NonNull<SliceCtrl>> {
    None
}

/// Nobody.
pub(crate) fn owner() -> Result<Owner, Reason> {
    Err(Reason::Target)
}
