//! Mistakes that only an exact account of the state shows: each is found, and with the fewest interventions, only if two states that
//! look alike are told apart. In most, a thread has learned something at a moment that has passed, and another goes on before that matters.

use std::cell::{Cell, RefCell};

use perseq::collections::lock::Lock;
use perseq::model::{Failure, Model};
use perseq::{Counter, PerCpu, sequence};

struct Small {
    word: u32,
}

struct Pair {
    a: u64,
    b: u64,
}

sequence! {
    fn set_small(small: &PerCpu<Small>, to: u32) {
        let word: u32 = small.word;
        commit small.word = to + (word & 0);
    }

    fn get_small(small: &PerCpu<Small>) -> u32 {
        let word: u32 = small.word;
        word
    }

    fn add_a(pair: &PerCpu<Pair>) {
        let a: u64 = pair.a;
        commit pair.a = a + 1;
    }

    fn get_a(pair: &PerCpu<Pair>) -> u64 {
        let a: u64 = pair.a;
        a
    }

    fn get_b(pair: &PerCpu<Pair>) -> u64 {
        let b: u64 = pair.b;
        b
    }

    fn set_b(pair: &PerCpu<Pair>, to: u64) {
        let a: u64 = pair.a;
        commit pair.b = to + (a & 0);
    }

    unsafe fn copy_b(pair: &PerCpu<Pair>, to: *mut u8, bytes: usize) {
        let a: u64 = pair.a;
        copy(to, &raw const pair.b, bytes);
        commit pair.a = a;
    }

    #[slow_path(get_a_slowly)]
    fn get_a_into(pair: &PerCpu<Pair>, to: &Cell<u64>) -> () {
        let a: u64 = pair.a;
        commit pair.b = a;
    }

    fn stamp(pair: &PerCpu<Pair>) -> u64 {
        let a: u64 = pair.a;
        let now: u64 = tsc();
        commit pair.b = now + (a & 0);
        now
    }
}

/// Tells its caller by a reference, while the section tells nothing.
fn get_a_slowly(pairs: &PerCpu<Pair>, to: &Cell<u64>) {
    to.set(1 + get_a(pairs));
}

fn pairs() -> PerCpu<Pair> {
    PerCpu::new(|_cpu| Pair { a: 0, b: 0 })
}

#[track_caller]
fn found(model: &Model<'_, impl Sized>) -> Failure {
    let failure = model.explore().expect_err("the mistake must be found");
    println!("{failure}");
    failure
}

/// Two threads that each write a number and then add one; the first then says that somebody looks.
fn writers<'m, S: 'm>(
    model: Model<'m, S>,
    write: fn(&S, u64),
    pairs: fn(&S) -> &PerCpu<Pair>,
) -> Model<'m, S> {
    let writer = move |shared: &S, number: u64| {
        write(shared, number);
        add_a(pairs(shared));
    };
    let first = move |shared: &S| {
        writer(shared, 1);
        set_b(pairs(shared), 1);
    };
    model.thread(first).thread(move |shared| writer(shared, 2))
}

/// What a third thread sees: both have added, and the first speaks between its looks; then what was written last.
fn looks(pairs: &PerCpu<Pair>, last: impl Fn() -> u64) -> (u64, u64, u64, u64) {
    (get_a(pairs), get_b(pairs), get_b(pairs), last())
}

#[test]
fn the_last_bytes_of_a_slot_are_part_of_the_state() {
    for (mistake, interventions) in [(1, 2), (2, 2)] {
        let model = Model::new(|| (PerCpu::new(|_cpu| Small { word: 0 }), pairs()));
        let model = writers(model, |(small, _), number| set_small(small, number as u32), |(_, pairs)| pairs);
        let failure = found(&model.thread(move |(small, pairs)| {
            assert_ne!(looks(pairs, || get_small(small).into()), (2, 0, 1, mistake));
        }));
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn an_invariant_holds_between_the_steps_of_the_last_thread() {
    let model = Model::new(pairs)
        .thread(|pairs| {
            pairs.exclusive(0, |pair| pair.a = 1).expect("a slot");
            pairs.exclusive(0, |pair| pair.a = 0).expect("a slot");
        })
        .invariant(|pairs| assert_eq!(get_a(pairs), 0));
    assert_eq!(found(&model).interventions(), 0);
}

#[test]
fn an_invariant_holds_at_the_end() {
    let model = Model::new(pairs).thread(add_a).invariant(|pairs| assert_eq!(get_a(pairs), 0));
    assert_eq!(found(&model).interventions(), 0);
}

#[test]
fn what_a_lock_guards_is_learned() {
    for (mistake, interventions) in [(0, 2), (1, 4)] {
        let model = Model::new(|| (Lock::new(|_cpu| 0), pairs()))
            .thread(move |(lock, pairs)| {
                let seen = *lock.lock();
                assert_ne!((seen, get_a(pairs), get_a(pairs)), (mistake, 1, 2));
            })
            .thread(|(lock, pairs)| {
                *lock.lock() = 1;
                *lock.lock() = 0;
                (0..2).for_each(|_| add_a(pairs));
            });
        let failure = found(&model);
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn what_a_lock_guards_elsewhere_is_ordered() {
    // The words of the vector do not change, only what is behind them.
    for (mistake, interventions) in [(1, 2), (2, 2)] {
        let model = Model::new(|| (Lock::new(|_cpu| vec![0]), pairs()));
        let model = writers(model, |(lock, _), number| lock.lock()[0] = number, |(_, pairs)| pairs);
        let failure = found(&model.thread(move |(lock, pairs)| {
            assert_ne!(looks(pairs, || lock.lock()[0]), (2, 0, 1, mistake));
        }));
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn what_an_owner_changes_elsewhere_is_ordered() {
    type Shared = (PerCpu<Vec<u64>>, PerCpu<Pair>);
    let set = |(slots, _): &Shared, to: u64| slots.exclusive(0, |items| items[0] = to).expect("a slot");
    for (mistake, interventions) in [(1, 2), (2, 2)] {
        let model = writers(Model::new(|| (PerCpu::new(|_cpu| vec![0]), pairs())), set, |(_, pairs)| pairs);
        let failure = found(&model.thread(move |(slots, pairs)| {
            let last = || slots.exclusive(0, |items| items[0]).expect("a slot");
            assert_ne!(looks(pairs, last), (2, 0, 1, mistake));
        }));
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn what_is_copied_to_a_thread_is_learned() {
    for (mistake, interventions) in [(0, 2), (1, 4)] {
        let model = Model::new(|| (pairs(), pairs()))
            .thread(move |(copied, pairs)| {
                let mut place = [0; 8];
                // SAFETY: room for eight bytes.
                let seen = [(); 2].map(|()| unsafe {
                    copy_b(copied, place.as_mut_ptr(), 8);
                    u64::from_ne_bytes(place)
                });
                assert_ne!((seen, get_a(pairs), get_a(pairs)), ([mistake, 0], 1, 2));
            })
            .thread(|(copied, pairs)| {
                set_b(copied, 1);
                set_b(copied, 0);
                (0..2).for_each(|_| add_a(pairs));
            });
        let failure = found(&model);
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn what_a_slow_path_tells_by_a_reference_is_learned() {
    for (mistake, interventions) in [(1, 5), (2, 6)] {
        let model = Model::new(pairs)
            .thread(move |pairs| {
                let told = Cell::new(0);
                get_a_into(pairs, &told);
                assert_ne!((told.get(), get_a(pairs), get_a(pairs)), (mistake, 2, 3));
            })
            .thread(|pairs| (0..3).for_each(|_| add_a(pairs)));
        let failure = found(&model);
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn a_clock_is_the_same_each_time() {
    let order = |pairs: &PerCpu<Pair>| {
        let (first, second) = (stamp(pairs), stamp(pairs));
        assert!(first < second);
    };
    println!("{}", Model::new(pairs).thread(order).thread(order).check());
}

#[test]
fn slots_that_are_made_after_others_are_gone_are_others() {
    let shared = || {
        let (gone, one) = (pairs(), pairs());
        drop(gone);
        (one, pairs(), pairs())
    };
    for (mistake, interventions) in [((1, 0), 1), ((0, 1), 1)] {
        let model = Model::new(shared)
            .thread(|(one, _, done)| {
                set_b(one, 1);
                add_a(done);
            })
            .thread(|(_, other, done)| {
                set_b(other, 1);
                add_a(done);
            })
            .thread(move |(one, other, done)| {
                set_b(one, 0);
                set_b(other, 0);
                let looked = (get_a(done), get_a(done));
                assert!(looked != (0, 1) || (get_b(one), get_b(other)) != mistake);
            });
        let failure = found(&model);
        assert_eq!(failure.interventions(), interventions);
    }
}

#[test]
fn signals_are_open_behind_a_model() {
    let own = |pairs: &PerCpu<Pair>| pairs.exclusive(0, |_| ()).expect("a slot");
    let open = || {
        // SAFETY: asks for the mask only.
        unsafe {
            let mut mask = core::mem::MaybeUninit::<libc::sigset_t>::uninit();
            libc::pthread_sigmask(libc::SIG_BLOCK, core::ptr::null(), mask.as_mut_ptr());
            libc::sigismember(mask.as_ptr(), libc::SIGUSR1) == 0
        }
    };
    assert!(open());
    println!("{}", Model::new(pairs).thread(own).thread(own).check());
    assert!(open(), "after a model that has held");
    let fails = Model::new(pairs)
        .thread(|pairs| pairs.exclusive(0, |_| ()).expect("a slot"))
        .thread_on(1, |pairs| pairs.exclusive(0, |_| perseq::model::shared_access()).expect("a slot"))
        .invariant(|_| ())
        .thread_on(1, |_| panic!("in the middle"));
    assert!(found(&fails).message().contains("in the middle"));
    assert!(open(), "after a model that has failed");
}

#[test]
fn a_model_in_a_model_and_a_payload_that_is_no_string() {
    let outer = Model::new(pairs).thread(|pairs| {
        add_a(pairs);
        println!("{}", Model::new(self::pairs).thread(add_a).thread(add_a).check());
        add_a(pairs);
    });
    println!("{}", outer.check());
    let panics = Model::new(pairs).thread(|_| std::panic::panic_any(7));
    assert!(found(&panics).message().contains("without a message"));
}

#[test]
fn what_looks_on_may_make_slots() {
    let model = Model::new(|| (pairs(), RefCell::new(Vec::new())))
        .thread(|(pairs, _)| add_a(pairs))
        .thread(|(pairs, _)| add_a(pairs))
        .invariant(|(_, made)| {
            let counter = Counter::new();
            counter.add(1);
            assert_eq!(counter.sum(), 1);
            made.borrow_mut().push(counter);
        });
    println!("{}", model.check());
}
