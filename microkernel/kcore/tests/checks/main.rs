//! Random and exhaustive checks of the kernel core on a model machine (`docs`: the kernel's tests).

#[path = "../world/mod.rs"]
mod world;

mod arguments;
mod driver;
mod invariants;
mod random;
mod sequences;
mod snapshot;
