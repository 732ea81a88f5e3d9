//! Random and exhaustive checks of the kernel core on a model machine (`docs`: the kernel's tests).

#[path = "../world/mod.rs"]
mod world;

mod arguments;
mod confinement;
mod directed;
mod driver;
mod exhaustion;
mod fast;
mod guide;
mod invariants;
mod model;
mod random;
mod sequences;
mod snapshot;
mod table;
mod wheel;
