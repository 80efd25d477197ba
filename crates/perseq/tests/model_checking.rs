//! The model checker finds what is wrong with sequences that lack a protection each, and proves the shipped collections for
//! three threads with three operations each.

mod model {
    mod collections;
    mod mistakes;
    mod ops;
    mod planted;
    mod shared;
    mod vectors;
}
