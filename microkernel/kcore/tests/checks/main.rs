//! Random and exhaustive checks of the kernel core on a model machine (`docs`: the kernel's tests).

#[path = "../explore/mod.rs"]
mod explore;
#[path = "../world/mod.rs"]
mod world;

mod arguments;
mod chains;
mod confinement;
mod directed;
mod driver;
mod exhaustion;
mod fast;
mod guide;
mod invariants;
mod model;
mod mutants;
mod prompt;
mod random;
mod reached;
mod restarts;
mod sequences;
mod snapshot;
mod stories;
mod table;
mod turns;
mod wheel;
mod wrong;
