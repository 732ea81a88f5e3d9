//! The two processors, and what each is called where.

/// A processor the system runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit ARM.
    Aarch64,
    /// 64-bit x86.
    X86_64,
}

impl Arch {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Aarch64, Self::X86_64];

    /// The processor of this machine; x86_64 on any third kind.
    #[must_use]
    pub fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 }
    }

    /// As it is written in options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }

    /// The inverse of [`Arch::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The kernel's target: no floating point.
    #[must_use]
    pub fn kernel_target(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-unknown-none-softfloat",
            Self::X86_64 => "x86_64-unknown-none",
        }
    }

    /// The user programs' target, a file of that name in `boot/targets`.
    #[must_use]
    pub fn user_target(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-viaether",
            Self::X86_64 => "x86_64-viaether",
        }
    }

    /// QEMU's program.
    #[must_use]
    pub fn qemu(self) -> &'static str {
        match self {
            Self::Aarch64 => "qemu-system-aarch64",
            Self::X86_64 => "qemu-system-x86_64",
        }
    }

    /// Debian's packages for that program.
    #[must_use]
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Aarch64 => &["qemu-system-arm"],
            Self::X86_64 => &["qemu-system-x86", "seabios"],
        }
    }

    /// UEFI for QEMU: its code and its empty variables.
    #[must_use]
    pub fn uefi(self) -> [&'static str; 2] {
        match self {
            Self::Aarch64 => ["/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"],
            Self::X86_64 => ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
        }
    }

    /// Debian's package for that.
    #[must_use]
    pub fn uefi_package(self) -> &'static str {
        match self {
            Self::Aarch64 => "qemu-efi-aarch64",
            Self::X86_64 => "ovmf",
        }
    }

    /// A GDB that knows the processor, and Debian's package for it.
    #[must_use]
    pub fn gdb(self) -> (&'static str, &'static str) {
        match self {
            Self::X86_64 if Self::host() == Self::X86_64 => ("gdb", "gdb"),
            _ => ("gdb-multiarch", "gdb-multiarch"),
        }
    }
}
