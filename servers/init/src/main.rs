//! The first process: spawns, names, supervises.
#![no_std]
#![no_main]

libsys::entry_init!(main);

fn main(boot: &'static abi::boot::BootInfo) {
    libsys::log!(Notice, "init is up: {} MiB free, {} roots, boot {} us", boot.ram_free >> 20, boot.root_count, boot.boot_ns / 1000);
    loop {
        let _ = libsys::wait(libsys::time::after(100_000_000));
        libsys::log!(Notice, "tick {}", libsys::time::now_ns());
    }
}
