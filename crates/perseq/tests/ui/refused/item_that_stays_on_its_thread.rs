//! Items that may not leave their thread are shared between threads.

use std::rc::Rc;

use perseq::PerCpu;

fn main() {
    let slots = PerCpu::new(|_cpu| Rc::new(0_u64));
    std::thread::scope(|scope| {
        scope.spawn(|| slots.exclusive(0, |item| drop(Rc::clone(item))));
    });
}
