//! The library wherever a program may find itself: linked in every way, with every owner of the rseq area and with none,
//! loaded and unloaded, in signal handlers, before `main`, while threads end, after `fork`.
//!
//! The programs are those of `fixtures/`; each reports facts and exact sums, and the tests here say which are right in which
//! [`place`]. A test that protects something has a control beside it in which the protection is absent.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

#[allow(dead_code, reason = "each test binary builds fixtures in its own ways")]
#[path = "../fixtures/mod.rs"]
mod fixtures;

#[path = "environments/libraries.rs"]
mod libraries;
#[path = "environments/moments.rs"]
mod moments;
#[path = "environments/owners.rs"]
mod owners;
#[path = "environments/place.rs"]
mod place;
#[path = "environments/run.rs"]
mod run;
#[path = "environments/symbols.rs"]
mod symbols;
