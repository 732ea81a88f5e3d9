//! Links the kernel with its processor's linker script.

fn main() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../boot");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let script = format!("{root}/kernel-{arch}.ld");
    println!("cargo:rerun-if-changed={script}");
    println!("cargo:rustc-link-arg=-T{script}");
    println!("cargo:rustc-link-arg=--no-pie");
    // The harness reads from them what must change when the kernel is moved.
    println!("cargo:rustc-link-arg=--emit-relocs");
}
