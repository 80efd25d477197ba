//! Whatever the bytes are: an error, or sections of which all can be asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perseq_inspect::{Binary, Parts};

fuzz_target!(|file: &[u8]| {
    let Ok(binary) = Binary::parse(file) else { return };
    let parts = Parts::default().disassembly(true);
    for section in binary.sections() {
        let report = binary.report(section);
        let _ = binary.text(&report, parts).to_string();
        let _ = binary.json(&report, parts).to_string();
        for violation in &report.violations {
            let _ = binary.place(&report, violation);
        }
    }
    let _ = format!("{:?}", binary.violations());
});
