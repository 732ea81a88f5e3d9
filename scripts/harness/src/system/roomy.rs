//! aarch64: a machine whose device tree is mostly room, as is the one that QEMU writes of itself (a hundred times what it says) and
//! doubles again when it is given by `-dtb`.

use crate::command::run::execute_with;
use crate::guest::{End, Heard};
use crate::handover::Scratch;
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::system::debugger::plain;
use crate::system::output;
use crate::system::runner::Stage;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// How long QEMU may take to write its tree, and a boot.
const PATIENCE: Duration = Duration::from_secs(120);
/// Shorter, it would fit anywhere.
const LEAST: u64 = 1 << 20;

/// Has QEMU write its tree, and boots with that.
///
/// # Errors
/// What is wrong, with the log.
pub fn check(stage: &Stage<'_>) -> Result<(), String> {
    let scratch = Scratch::new().map_err(|e| e.message)?;
    let tree = scratch.path("tree").display().to_string();
    let options = plain(stage.arch, "version");
    let mut qemu = Command::new(&stage.qemu);
    qemu.args(["-M", &format!("virt,gic-version=3,dumpdtb={tree}"), "-cpu", "max", "-display", "none"]);
    qemu.args(["-smp", &options.smp.to_string(), "-m", &format!("{}M", options.mem)]);
    output::of(&mut qemu, PATIENCE)?;
    let length = fs::metadata(&tree).map_err(|e| format!("QEMU wrote no tree: {e}"))?.len();
    if length < LEAST {
        return Err(format!("QEMU's tree has {length} bytes only"));
    }
    let options = Options { qemu: vec!["-dtb".into(), tree], timeout: Some(PATIENCE), ..options };
    let mut heard = Heard::default();
    let report =
        execute_with(stage.qemu.clone(), stage.system, &options, stage.first_port, &mut heard, &Interrupt::own());
    match report.map_err(|e| e.message)?.end {
        End::Code(0) => Ok(()),
        end => Err(format!("{end:?}\n{}", heard.log)),
    }
}
