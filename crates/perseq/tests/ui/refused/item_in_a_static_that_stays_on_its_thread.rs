//! Items that may not leave their thread are put in a static.

use std::cell::Cell;
use std::rc::Rc;

use perseq::LazyPerCpu;

static SLOTS: LazyPerCpu<Rc<Cell<u64>>> = LazyPerCpu::new(|_cpu| Rc::new(Cell::new(0)));

fn main() {
    let _ = &SLOTS;
}
