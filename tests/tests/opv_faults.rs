//! An operand that is not there is an error of the vector, not a signal, and nothing was done.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::LazyLock;

use perseq::PerCpu;
use perseq::opv::{CpuOp, OpvError, Outcome, Vector, to_c};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;

static PAGE: LazyLock<usize> = LazyLock::new(rustix::param::page_size);

/// Pages of a mapping, until dropped.
struct Pages {
    at: *mut u8,
    len: usize,
}

impl Pages {
    fn map(count: usize, protection: i32, flags: i32, file: Option<&File>) -> Self {
        Self::map_near(null_mut(), count, protection, flags, file)
    }

    fn map_near(near: *mut u8, count: usize, protection: i32, flags: i32, file: Option<&File>) -> Self {
        let (len, file) = (count * *PAGE, file.map_or(-1, AsRawFd::as_raw_fd));
        // SAFETY: a new mapping where there is room.
        let at = unsafe { libc::mmap(near.cast(), len, protection, flags, file, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        Self { at: at.cast(), len }
    }

    fn anonymous(count: usize, protection: i32) -> Self {
        Self::map(count, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)
    }

    /// The last so many bytes of the first page, and what follows.
    fn at_border(&self, before: usize) -> *mut u8 {
        self.at.wrapping_add(*PAGE - before)
    }

    fn protect_second(&self, protection: i32) {
        // SAFETY: a page of ours, in which nothing is.
        assert_eq!(unsafe { libc::mprotect(self.at_border(0).cast(), *PAGE, protection) }, 0);
    }

    fn unmap_second(&self) {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::munmap(self.at_border(0).cast(), *PAGE) }, 0);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { libc::munmap(self.at.cast(), self.len) };
    }
}

/// A file of one page, all bytes 7.
fn file() -> File {
    let file: File = memfd_create("page", MemfdFlags::CLOEXEC).expect("a memory file").into();
    std::io::Write::write_all(&mut &file, &vec![7; *PAGE]).expect("room");
    file
}

/// Operations with `p` as the operand that faults, of `len` bytes, and how often others of them read `good`.
fn reading(p: *mut u8, good: *mut u8, len: u32) -> [CpuOp; 5] {
    [
        CpuOp::compare_eq_bytes(p, good, len),
        CpuOp::compare_eq_bytes(good, p, len),
        CpuOp::compare_ne_bytes(p, good, len),
        CpuOp::compare_ne_bytes(good, p, len),
        CpuOp::copy_bytes(good, p, len),
    ]
}

/// The same that write to it: calculations only where `len` is that of a word.
fn writing(p: *mut u8, good: *mut u8, len: u32) -> Vec<CpuOp> {
    let calculations = [
        CpuOp::add(p, 1),
        CpuOp::or(p, 1),
        CpuOp::and(p, 1),
        CpuOp::xor(p, 1),
        CpuOp::shift_left(p, 1),
        CpuOp::shift_right(p, 1),
    ];
    let words = calculations.into_iter().filter(|_| [1, 2, 4, 8].contains(&len));
    words.map(|op| CpuOp { len, ..op }).chain([CpuOp::copy_bytes(p, good, len)]).collect()
}

/// Each of `ops` is a fault, expected or not, and what comes before it in the vector is not done.
fn all_fault(what: &str, ops: impl IntoIterator<Item = CpuOp>) {
    let slots = PerCpu::new(|_cpu| 5_u64);
    let word = slots.item(0).expect("a slot").as_ptr();
    let mut local = 0_u8;
    for op in ops {
        for (op, expected, errno) in [(op, false, libc::EFAULT), (op.expect_fault(), true, libc::EAGAIN)] {
            let mut vector = Vector::new();
            vector.add(word, 1).add(&raw mut local, 1).push(op).add(word, 1);
            // SAFETY: the slot's word, one of ours, and an operand that is not there and stays so.
            let result = unsafe { vector.run(&slots, 0) };
            assert_eq!(result, Err(OpvError::Fault { index: 2, expected }), "{what}: {op:?}");
            assert_eq!(to_c(result), -errno);
        }
    }
    assert_eq!((slots.exclusive(0, |word| *word), local), (Ok(5), 0), "{what}");
}

/// None of `ops` is a fault.
fn none_faults(what: &str, ops: impl IntoIterator<Item = CpuOp>) {
    let slots = PerCpu::new(|_cpu| 0_u64);
    for op in ops {
        // SAFETY: operands that are there, and that nobody else has.
        let result = unsafe { Vector::new().push(op).run(&slots, 0) };
        assert!(result.is_ok(), "{what}: {op:?} is {result:?}");
    }
}

/// Lengths of operands that lie over a border: words, and others.
const LENGTHS: [u32; 6] = [2, 4, 8, 3, 100, 4096];

/// `pages` has a first page that is there, and a second that cannot be read, or not be written at least.
fn second_faults(what: &str, pages: &Pages, readable: bool) {
    let good = Pages::anonymous(2, READ_WRITE);
    for (len, before) in LENGTHS.into_iter().flat_map(|len| [0, 1, len - 1].map(|before| (len, before))) {
        let p = pages.at_border(before as usize);
        all_fault(what, writing(p, good.at, len));
        if readable {
            none_faults(what, reading(p, good.at, len));
        } else {
            all_fault(what, reading(p, good.at, len));
        }
        // Right before the border everything is there.
        let p = pages.at_border(len as usize);
        none_faults(what, reading(p, good.at, len));
        none_faults(what, writing(p, good.at, len));
    }
}

#[test]
fn a_page_that_is_not_mapped() {
    // So far down that nobody is given a page in the gap meanwhile: the system begins at the other end.
    let far_down = without_provenance_mut(1 << 29);
    let pages = Pages::map_near(far_down, 2, READ_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None);
    pages.unmap_second();
    second_faults("unmapped", &pages, false);
}

#[test]
fn a_page_that_nobody_may_touch() {
    let pages = Pages::anonymous(2, READ_WRITE);
    pages.protect_second(libc::PROT_NONE);
    second_faults("PROT_NONE", &pages, false);
}

#[test]
fn a_page_that_may_only_be_read() {
    let pages = Pages::anonymous(2, READ_WRITE);
    pages.protect_second(libc::PROT_READ);
    second_faults("PROT_READ, not touched yet", &pages, true);
    let file = file();
    ftruncate(&file, 2 * *PAGE as u64).expect("a longer file");
    for flags in [libc::MAP_SHARED, libc::MAP_PRIVATE] {
        let pages = Pages::map(2, READ_WRITE, flags, Some(&file));
        pages.protect_second(libc::PROT_READ);
        second_faults("PROT_READ, of a file", &pages, true);
    }
}

#[test]
fn a_page_beyond_the_end_of_its_file() {
    let file = file();
    for flags in [libc::MAP_SHARED, libc::MAP_PRIVATE] {
        second_faults("beyond the end", &Pages::map(2, READ_WRITE, flags, Some(&file)), false);
    }
}

// Where processors have such keys, and libc the numbers of the calls.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn a_page_whose_protection_key_forbids_it() {
    const DISABLE_ACCESS: usize = 1;
    const DISABLE_WRITE: usize = 2;
    for (rights, readable) in [(DISABLE_ACCESS, false), (DISABLE_WRITE, true)] {
        let pages = Pages::anonymous(2, READ_WRITE);
        // SAFETY: a new key, for a page of ours.
        unsafe {
            let key = libc::syscall(libc::SYS_pkey_alloc, 0_usize, rights);
            if key < 0 {
                return perseq_tests::skip::skip("pkeys", std::io::Error::last_os_error());
            }
            let second = pages.at_border(0);
            let protected = libc::syscall(libc::SYS_pkey_mprotect, second, *PAGE, READ_WRITE as usize, key);
            assert_eq!(protected, 0);
        }
        second_faults("a protection key", &pages, readable);
    }
}

#[test]
fn an_address_that_no_page_has() {
    let mut good = [0_u8; 8];
    let good = good.as_mut_ptr();
    // Null, beside it, and the last bytes there are; of 64 bits also the kernel's, and where processors have a hole.
    let mut addresses = vec![0, 1, 8, usize::MAX, usize::MAX - 7];
    if usize::BITS == 64 {
        addresses.extend([usize::MAX / 2 + 1, 1 << (usize::BITS - 2)]);
    }
    for p in addresses.into_iter().map(without_provenance_mut) {
        for len in [1, 2, 4, 8] {
            all_fault("nowhere", reading(p, good, len));
            all_fault("nowhere", writing(p, good, len));
        }
    }
}

#[test]
fn the_first_operand_that_faults_says_whether_it_was_expected() {
    let pages = Pages::anonymous(1, libc::PROT_READ);
    let (mut good, slots) = (0_u8, PerCpu::new(|_cpu| 0_u64));
    let (bad, good): (*mut u8, *mut u8) = (null_mut(), &raw mut good);
    // SAFETY: a word of ours, one that can only be read, and one that is not there.
    let fault = |op: CpuOp| unsafe {
        let result = Vector::new().compare_eq(pages.at, good).push(op).add(pages.at, 1).run(&slots, 0);
        result.map_err(|error| match error {
            OpvError::Fault { index, expected } => (index, expected),
            other => panic!("{other}"),
        })
    };
    assert_eq!(fault(CpuOp::barrier()), Err((2, false)), "the page that is read first, and then written");
    let (mut one, mut other) = (CpuOp::compare_eq(bad, good), CpuOp::compare_eq(good, bad));
    one.u.compare_op.expect_fault_b = 1;
    other.u.compare_op.expect_fault_b = 1;
    assert_eq!((fault(one), fault(other)), (Err((1, false)), Err((1, true))));
    one.u.compare_op.expect_fault_a = 0xff;
    assert_eq!(fault(one), Err((1, true)));
    let (mut one, mut other) = (CpuOp::copy(bad, good), CpuOp::copy(good, bad));
    one.u.memcpy_op.expect_fault_src = 1;
    other.u.memcpy_op.expect_fault_src = 1;
    assert_eq!((fault(one), fault(other)), (Err((1, false)), Err((1, true))));
    one.u.memcpy_op.expect_fault_dst = 1;
    assert_eq!(fault(one), Err((1, true)));
}

#[test]
fn a_private_page_is_copied_before_it_is_written_and_the_file_stays() {
    let file = file();
    let (shared, private) = (
        Pages::map(1, libc::PROT_READ, libc::MAP_SHARED, Some(&file)),
        Pages::map(1, READ_WRITE, libc::MAP_PRIVATE, Some(&file)),
    );
    none_faults("a private page", [CpuOp::compare_eq(shared.at, private.at), CpuOp::add(private.at, 1)]);
    // SAFETY: pages of ours.
    assert_eq!(unsafe { (*shared.at, *private.at) }, (7, 8));
}

#[test]
fn an_array_of_operations_that_cannot_be_read() {
    let pages = Pages::anonymous(2, READ_WRITE);
    pages.protect_second(libc::PROT_NONE);
    let ops: *mut CpuOp = pages.at_border(2 * size_of::<CpuOp>()).cast();
    let (mut word, slots) = (0_u64, PerCpu::new(|_cpu| 0_u64));
    // SAFETY: two operations, behind which there is nothing.
    unsafe {
        ops.write(CpuOp::add(&raw mut word, 1));
        ops.add(1).write(CpuOp::add(&raw mut word, 2));
        let both = Vector::from_c(ops, 2).expect("they are there");
        assert_eq!(both.run(&slots, 0), Ok(Outcome::Done));
        for (ops, count) in [(ops.cast_const(), 3), (ops.add(2).cast_const(), 1), (std::ptr::null(), 1)] {
            let error = Vector::from_c(ops, count).expect_err("they are not");
            assert_eq!((error, error.errno()), (OpvError::NoOperations, libc::EFAULT));
        }
    }
    assert_eq!(word, 3);
}

#[test]
fn a_fault_leaves_errno_alone() {
    let slots = PerCpu::new(|_cpu| 0_u64);
    // SAFETY: the calling thread's own; the operand is not there.
    unsafe {
        *libc::__errno_location() = 1234;
        let result = Vector::new().add(null_mut::<u64>(), 1).run(&slots, 0);
        assert_eq!((result.is_err(), *libc::__errno_location()), (true, 1234));
    }
}
