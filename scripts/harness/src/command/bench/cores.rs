//! A fixed load on several cores: the lines of `scripts/bench cores`.

use super::grouped;
use crate::Failure;

/// Cores of the machines on which it runs.
pub const COUNTS: [u32; 4] = [1, 2, 4, 8];

/// What stands above the rows: one of them per machine.
pub const HEADING: &str = "\
a fixed load in guest instructions, by as many threads as cores, none pinned; \"more\" is what all else took on all cores meanwhile
cores         load     more   by core
";

/// The row of a machine.
///
/// # Errors
/// A figure that is missing.
pub fn row(smp: u32, results: &[(String, u64)]) -> Result<String, Failure> {
    let figure = |name: &str| {
        let found = results.iter().find(|(of, _)| of == name).map(|(_, value)| *value);
        found.ok_or_else(|| Failure::new(format!("the program told no \"{name}\" with {smp} cores")))
    };
    let (load, all) = (figure("load")?, figure("all")?);
    let cores = (0..smp).map(|core| Ok(grouped(figure(&format!("core-{core}"))?)));
    let cores = cores.collect::<Result<Vec<_>, Failure>>()?;
    let more = all.saturating_sub(load) as f64 * 100.0 / load.max(1) as f64;
    Ok(format!("{smp:>5} {:>12} {more:>6.1} %   {}", grouped(load), cores.join("  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_what_each_core_did() {
        let told = |names: &[(&str, u64)]| names.iter().map(|(n, v)| ((*n).to_string(), *v)).collect::<Vec<_>>();
        let results = told(&[("core-0", 1_000_000), ("core-1", 3_000_000), ("load", 4_000_000), ("all", 4_100_000)]);
        assert_eq!(row(2, &results).unwrap(), "    2    4,000,000    2.5 %   1,000,000  3,000,000");
        assert!(row(4, &results).is_err());
    }
}
