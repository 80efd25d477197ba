//! Targets without contestants of their own.

/// x86-64 Linux only.
pub struct Lsl(std::convert::Infallible);

impl Lsl {
    /// There is none.
    pub fn available() -> Result<Self, String> {
        Err(only_on_x86_64_linux())
    }

    /// Cannot be called.
    pub fn cpu(&self) -> usize {
        match self.0 {}
    }
}

/// x86-64 Linux only.
pub struct Rdpid(std::convert::Infallible);

impl Rdpid {
    /// There is none.
    pub fn available() -> Result<Self, String> {
        Err(only_on_x86_64_linux())
    }

    /// Cannot be called.
    pub fn cpu(&self) -> usize {
        match self.0 {}
    }
}

/// The section by hand: x86-64 Linux only.
pub mod handwritten {
    use crate::bench::lanes::Lane;

    /// Never exists here.
    #[derive(Clone, Copy)]
    pub struct Area(std::convert::Infallible);

    impl Area {
        /// There is none.
        pub fn of_this_thread() -> Result<Self, String> {
            Err(super::only_on_x86_64_linux())
        }

        /// Cannot be called.
        ///
        /// # Safety
        /// Nothing to observe.
        pub unsafe fn add(self, _lanes: &'static [Lane], _at: usize, _n: u64) {
            match self.0 {}
        }
    }
}

fn only_on_x86_64_linux() -> String {
    "written for x86-64 Linux only".to_owned()
}
