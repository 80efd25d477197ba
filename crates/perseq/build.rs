//! Says what no `cfg` of the compiler does: that the target is ARMv7-A, and code for it in ARM mode.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(perseq_armv7)");
    // Targets in Thumb mode are called `thumbv7…`.
    if std::env::var("TARGET").is_ok_and(|target| target.starts_with("armv7")) {
        println!("cargo::rustc-cfg=perseq_armv7");
    }
}
