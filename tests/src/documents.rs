//! The samples in the documents at the root of the workspace compile and run.

#[doc = include_str!("../../README.md")]
struct Readme;

#[doc = include_str!("../../DESIGN.md")]
struct Design;

#[doc = include_str!("../../DEVELOPMENT.md")]
struct Development;

#[doc = include_str!("../../crates/perseq-rcu/README.md")]
struct Rcu;
