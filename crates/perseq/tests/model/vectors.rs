//! Ops vectors beside sequences: both words of a pair, from another CPU.

use perseq::model::Model;
use perseq::opv::{Outcome, Vector};
use perseq::{PerCpu, sequence};

use super::collections::prove;

struct Pair {
    a: u64,
    b: u64,
}

sequence! {
    fn difference(pairs: &PerCpu<Pair>) -> u64 {
        let a: u64 = pairs.a;
        let b: u64 = pairs.b;
        a - b
    }

    fn raise(pairs: &PerCpu<Pair>) {
        let b: u64 = pairs.b;
        commit pairs.b = b + 2;
    }
}

#[test]
fn a_vector_is_one_step_for_sequences() {
    let both = |pairs: &PerCpu<Pair>| {
        let pair = pairs.item(0).expect("a slot").as_ptr();
        // SAFETY: words of the slot.
        let outcome = unsafe {
            let (a, b) = (&raw mut (*pair).a, &raw mut (*pair).b);
            Vector::new().add(a, 1).add(b, 1).run(pairs, 0)
        };
        assert_eq!(outcome, Ok(Outcome::Done));
    };
    let even = |pairs: &PerCpu<Pair>| assert_eq!(difference(pairs) % 2, 0, "between the two");
    let model = Model::new(|| PerCpu::new(|_cpu| Pair { a: 0, b: 0 }))
        .thread(move |pairs| (0..2).for_each(|_| even(pairs)))
        .thread(move |pairs| {
            raise(pairs);
            both(pairs);
        })
        .thread_on(1, move |pairs| (0..2).for_each(|_| both(pairs)))
        .invariant(even)
        .finally(|pairs| pairs.exclusive(0, |pair| assert_eq!((pair.a, pair.b), (3, 5))).expect("a slot"));
    prove("vectors", &model);
}
