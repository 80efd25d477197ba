//! The slow path, on machines where sequences run: the same tests again in a process with `PERSEQ=off`.

use crate::child;

/// Runs `test` again in a process in which every sequence takes its slow path.
///
/// # Panics
/// If it fails there.
pub fn passes(test: &str) {
    if perseq::status().is_active() {
        child::run(test, &[("PERSEQ", "off")]).assert_success();
    }
}
