//! Values: every type and operator of the language, computed by the section and by plain Rust alike.

use perseq::{PerCpu, sequence};

struct Words {
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    usize: usize,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    isize: isize,
    pointer: *const u64,
}

// SAFETY: the pointer is never followed.
unsafe impl Send for Words {}

const LIMIT: u64 = 1 << 40;
const STEP: i32 = -3;

// For each width: a load, arithmetic that wraps, a commit.
sequence! {
    fn u8(words: &PerCpu<Words>, by: u8) -> u8 {
        let old: u8 = words.u8;
        let new: u8 = ((old + by) ^ 1) - 2;
        commit words.u8 = new;
        new
    }

    fn u16(words: &PerCpu<Words>, by: u16) -> u16 {
        let old: u16 = words.u16;
        let new: u16 = ((old + by) ^ 1) - 2;
        commit words.u16 = new;
        new
    }

    fn u32(words: &PerCpu<Words>, by: u32) -> u32 {
        let old: u32 = words.u32;
        let new: u32 = ((old + by) ^ 1) - 2;
        commit words.u32 = new;
        new
    }

    fn u64(words: &PerCpu<Words>, by: u64) -> u64 {
        let old: u64 = words.u64;
        let new: u64 = ((old + by) ^ 1) - 2;
        commit words.u64 = new;
        new
    }

    fn usize(words: &PerCpu<Words>, by: usize) -> usize {
        let old: usize = words.usize;
        let new: usize = ((old + by) ^ 1) - 2;
        commit words.usize = new;
        new
    }

    fn i8(words: &PerCpu<Words>, by: i8) -> i8 {
        let old: i8 = words.i8;
        let new: i8 = ((old + by) ^ 1) - 2;
        commit words.i8 = new;
        new
    }

    fn i16(words: &PerCpu<Words>, by: i16) -> i16 {
        let old: i16 = words.i16;
        let new: i16 = ((old + by) ^ 1) - 2;
        commit words.i16 = new;
        new
    }

    fn i32(words: &PerCpu<Words>, by: i32) -> i32 {
        let old: i32 = words.i32;
        let new: i32 = ((old + by) ^ 1) - 2;
        commit words.i32 = new;
        new
    }

    fn i64(words: &PerCpu<Words>, by: i64) -> i64 {
        let old: i64 = words.i64;
        let new: i64 = ((old + by) ^ 1) - 2;
        commit words.i64 = new;
        new
    }

    fn isize(words: &PerCpu<Words>, by: isize) -> isize {
        let old: isize = words.isize;
        let new: isize = ((old + by) ^ 1) - 2;
        commit words.isize = new;
        new
    }
}

sequence! {
    fn bits(words: &PerCpu<Words>, a: u32, b: u32) -> (u32, u32, u32, u32) {
        let load: u32 = words.u32;
        let and: u32 = a & b;
        let or: u32 = a | b;
        let xor: u32 = a ^ b;
        (and, or, xor, load)
    }

    fn shifts(words: &PerCpu<Words>, a: u32, by: u32) -> (u32, u32, u32) {
        let not: u32 = !words.u32;
        let left: u32 = a << by;
        let right: u32 = a >> 3;
        (not, left, right)
    }

    fn signed(words: &PerCpu<Words>, a: i32, by: u8) -> (i32, i32) {
        let negated: i32 = -a + words.i32;
        let shifted: i32 = a >> by;
        (negated, shifted)
    }

    fn negative(words: &PerCpu<Words>) -> i32 {
        let lowest: i32 = words.i32 + STEP + -4;
        lowest
    }

    fn casts(words: &PerCpu<Words>, wide: u64, narrow: i8) -> (u8, i64, u64, usize) {
        let low: u8 = wide as u8;
        let extended: i64 = narrow as i64;
        let reinterpreted: u64 = narrow as i64 as u64;
        let pointer: *const u64 = words.pointer;
        let address: usize = pointer as usize;
        (low, extended, reinterpreted, address)
    }

    fn literals(words: &PerCpu<Words>) -> (u64, u64, i16, u64) {
        let hex: u64 = 0xFFFF_FFFF_FFFF;
        let suffixed: u64 = 7u64;
        let negative: i16 = -300;
        let named: u64 = LIMIT + u32::MAX as u64;
        commit words.u64 = 5 as u64;
        (hex, suffixed, negative, named)
    }

    fn compare(words: &PerCpu<Words>, a: i16, b: i16, p: *const u64) -> u32 {
        let zero: i64 = words.i64;
        if a == b { return 1; }
        if a < b && zero != 0 { return 2; }
        if !(a > b || p.is_null()) { return 3; }
        if a >= 100 { return 4; }
        if 10 <= a { return 5; }
        if p == std::ptr::null() { return 6; }
        7
    }

    fn built_in(words: &PerCpu<Words>) -> (u64, u32, u32) {
        let now: u64 = tsc();
        let cpu: u32 = cpu_id();
        let slot: u32 = slot_number();
        commit words.u64 = now;
        (now, cpu, slot)
    }

    fn ordered<const RELEASE: bool>(words: &PerCpu<Words>) {
        commit(release if RELEASE && LIMIT > 0) words.u64 = 6 as u64;
    }

    /// # Safety
    /// Counter 0 must be open to user space.
    #[allow(dead_code)]
    unsafe fn performance_counter(words: &PerCpu<Words>) -> u64 {
        let count: u64 = rdpmc(0);
        commit words.u64 = count;
        count
    }
}

fn main() {
    let words = PerCpu::new(|_cpu| Words {
        u8: 0,
        u16: 0,
        u32: 0,
        u64: 0,
        usize: 0,
        i8: 0,
        i16: 0,
        i32: 0,
        i64: 0,
        isize: 0,
        pointer: std::ptr::null(),
    });
    assert_eq!(u8(&words, 1), u8::MAX - 1);
    assert_eq!(u16(&words, 1), u16::MAX - 1);
    assert_eq!(u32(&words, 1), u32::MAX - 1);
    assert_eq!(u64(&words, 1), u64::MAX - 1);
    assert_eq!(usize(&words, 1), usize::MAX - 1);
    assert_eq!(i8(&words, i8::MAX), 124);
    assert_eq!(i16(&words, i16::MIN), 32767);
    assert_eq!(i32(&words, 1), -2);
    assert_eq!(i64(&words, 1), -2);
    assert_eq!(isize(&words, 1), -2);
    let (a, b) = (0xF0F0_1234_u32, 0x0FF0_4321_u32);
    for cpu in 0..words.slots() {
        words.exclusive(cpu, |words| (words.u32, words.i32, words.i64) = (9, 8, 0)).unwrap();
    }
    assert_eq!(bits(&words, a, b), (a & b, a | b, a ^ b, 9));
    assert_eq!(shifts(&words, a, 33), (!9, a << 1, a >> 3));
    assert_eq!(signed(&words, -70, 2), (78, -18));
    assert_eq!(negative(&words), 1);
    assert_eq!(casts(&words, 0x1234, -2), (0x34, -2, u64::MAX - 1, 0));
    assert_eq!(literals(&words), (0xFFFF_FFFF_FFFF, 7, -300, LIMIT + 0xFFFF_FFFF));
    assert_eq!(compare(&words, 1, 1, std::ptr::null()), 1);
    assert_eq!(compare(&words, 2, 1, &0), 7);
    assert_eq!(compare(&words, -1, 1, &0), 3);
    assert_eq!(compare(&words, 100, 1, &0), 4);
    assert_eq!(compare(&words, 10, 1, &0), 5);
    assert_eq!(compare(&words, 2, 1, std::ptr::null()), 6);
    let (_, cpu, slot) = built_in(&words);
    assert!(cpu < words.slots() && slot < words.slots());
    ordered::<false>(&words);
    ordered::<true>(&words);
}
