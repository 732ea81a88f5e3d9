//! The page of the kernel's counters, from `abi::info`'s table.

use abi::info::COUNTERS;

pub fn page() -> String {
    let mut out = super::head("The kernel's counters", "`abi::info::COUNTERS`");
    out += "\
`KSTATS` prints them, `KSTATS FULL` with these texts. They begin with 0 at boot and only grow. Who has the right LOG may read
them, by `info` of an Authority.

| counter | what is counted |
|---|---|
";
    for (name, text) in COUNTERS {
        out += &format!("| {name} | {text} |\n");
    }
    out
}
