//! The stories told at the terminal: the shell as people use it. Few boots, many steps each.

use crate::system::story::Story;
use crate::system::typing::Step::{Prints, PrintsAll, Shows, Type, TypeAll};
use crate::system::typing::{
    BACKSPACE, CTRL_A, CTRL_BRACKET, CTRL_C, CTRL_D, CTRL_E, CTRL_K, CTRL_R, CTRL_U, ENTER, LEFT, Step, TAB, UP,
};

/// All of them.
pub const TYPED: &[Story] = &[
    Story::typed("terminal-first-screen", FIRST_SCREEN),
    Story::typed("terminal-editing", EDITING),
    Story::typed("terminal-jobs", JOBS),
];

const PROMPT: Step = Prints("1.SYS:> ");
/// Lines pasted at once.
const PASTED: usize = 200;
/// The longest line that the shell takes.
const MAX_LINE: usize = 4096;

/// From boot to power-off: what a newcomer sees and does first.
const FIRST_SCREEN: &[Step] = &[
    Prints("Viaether 0.1.0 ("),
    Prints("net0"),
    Prints("Type HELP, or CMD ? for a command's arguments.  Tab completes."),
    PROMPT,
    Type("help\r"),
    Prints("HELP name explains one"),
    PROMPT,
    Type("services\r"),
    PrintsAll(servers),
    PROMPT,
    // Arguments that are asked for.
    Type("echo ?\r"),
    Prints("/M,N=NOLINE/S"),
    Type("hello NOLINE\r"),
    Prints("hello"),
    Type("write ?\r"),
    Prints("FILE/A"),
    Type("RAM:note written by hand\r"),
    PROMPT,
    Type("type RAM:note\r"),
    Prints("written by hand"),
    PROMPT,
    // The console dies; the shell goes on.
    Type("break console FORCE\r"),
    PROMPT,
    Type("echo still here\r"),
    Prints("still here"),
    PROMPT,
    Type("wait 600\r"),
    Shows(""),
    Type(CTRL_C),
    Prints("***BREAK"),
    PROMPT,
    // So does the next shell where this one ends.
    Type("services shell RESTART\r"),
    Prints("Type HELP"),
    PROMPT,
    Type("copy RAM:note RAM:note2\r"),
    PROMPT,
    Type("delete RAM:note#?\r"),
    Prints("Delete 2 files? (y/n) "),
    Type("n\r"),
    PROMPT,
    // The login shell has nobody to go back to; power-off has.
    Type("endshell\r"),
    Prints("This is the login shell"),
    PROMPT,
    Type("shutdown\r"),
    Prints("Really power off? (y/n) "),
    Type("n\r"),
    PROMPT,
    Type("shutdown\r"),
    Prints("Really power off? (y/n) "),
    Type("y\r"),
];

/// The line editor, and what is typed faster than it is read.
const EDITING: &[Step] = &[
    PROMPT,
    Type("echo helo"),
    Type(LEFT),
    Type("l"),
    Shows("1.SYS:> echo hello"),
    Type(CTRL_A),
    Type("xx"),
    Shows("1.SYS:> xxecho hello"),
    Type(BACKSPACE),
    Type(BACKSPACE),
    Type(CTRL_E),
    Type("!"),
    Shows("1.SYS:> echo hello!"),
    Type(ENTER),
    Prints("hello!"),
    PROMPT,
    // Up, and cuts.
    Type(UP),
    Shows("1.SYS:> echo hello!"),
    Type(BACKSPACE),
    Type(LEFT),
    Type(LEFT),
    Type(CTRL_K),
    Shows("1.SYS:> echo hel"),
    Type(CTRL_U),
    Shows("1.SYS:> "),
    Type("echo second\r"),
    Prints("second"),
    PROMPT,
    Type(CTRL_R),
    Type("hel"),
    Shows("(search) hel: echo hello!"),
    Type(ENTER),
    Prints("hello!"),
    PROMPT,
    // Ctrl-C forgets a line; Ctrl-D in one does not leave.
    Type("nothing of this"),
    Type(CTRL_C),
    PROMPT,
    // Tab: a command, a name of a volume and files, and what there is to choose from.
    Type("versi"),
    Type(TAB),
    Shows("1.SYS:> version "),
    Type(ENTER),
    Prints("Viaether 0.1.0"),
    PROMPT,
    Type("type SYS:S/Star"),
    Type(TAB),
    Shows("1.SYS:> type SYS:S/Startup-Sequence "),
    Type(CTRL_U),
    Type("type SYS:S/S"),
    Shows("1.SYS:> type SYS:S/S"),
    Type(TAB),
    Type(TAB),
    Prints("Shell-Startup     Startup-Sequence"),
    Shows("1.SYS:> type SYS:S/S"),
    Type(CTRL_U),
    Shows("1.SYS:> "),
    // What is typed at once is run in order, and nothing is lost.
    TypeAll(pasted),
    PrintsAll(echoed),
    PROMPT,
    // A line that is too long is refused, not cut.
    TypeAll(too_long),
    Prints("shell: the line has 4101 bytes; at most 4,096 are possible"),
    PROMPT,
    // A block is edited before it is run; it may be longer than a line.
    TypeAll(block),
    Type(BACKSPACE),
    Type("9"),
    Type(ENTER),
    PrintsAll(echoed),
    PROMPT,
    Type("echo done\r"),
    Prints("done"),
    PROMPT,
    // QEMU's own way out.
    Type(CTRL_BRACKET),
    Type("x"),
];

/// Commands that are stopped, jobs in the background, and a shell in the shell.
const JOBS: &[Step] = &[
    PROMPT,
    Type("wait 600\r"),
    Type(CTRL_C),
    Prints("***BREAK"),
    PROMPT,
    Type("ping 10.0.2.2 C=1000\r"),
    Prints("56 bytes from 10.0.2.2: number=2"),
    Type(CTRL_C),
    Prints("***BREAK"),
    PROMPT,
    Type("why\r"),
    Prints("ping ended with return code 20: Break (304)"),
    PROMPT,
    // All stages of a pipeline.
    Type("wait 600 | wc | sort\r"),
    Shows(""),
    Type(CTRL_C),
    Prints("***BREAK"),
    PROMPT,
    Type("status\r"),
    Prints("Process"),
    PROMPT,
    // In the background.
    Type("run wait 600\r"),
    Prints("[1] "),
    PROMPT,
    Type("status | search wait\r"),
    Prints("Process"),
    PROMPT,
    Type("break wait\r"),
    Type(ENTER),
    Prints("[1] wait 600 was stopped"),
    PROMPT,
    Type("run wait 1 MS\r"),
    Prints("[1] "),
    PROMPT,
    Type("wait 1 SEC\r"),
    Prints("[1] wait 1 MS has ended"),
    PROMPT,
    // Ctrl-D leaves a shell, but nobody is behind the login shell.
    Type(CTRL_D),
    Prints("ENDSHELL"),
    Prints("This is the login shell"),
    PROMPT,
    Type("newshell\r"),
    Prints("2.SYS:> "),
    Type("echo inside\r"),
    Prints("inside"),
    Prints("2.SYS:> "),
    Type("wait 600\r"),
    Shows(""),
    Type(CTRL_C),
    Prints("2.SYS:> "),
    Type(CTRL_D),
    PROMPT,
    Type("wait 600\r"),
    Shows(""),
    Type(CTRL_C),
    PROMPT,
    Type("reboot\r"),
];

fn servers() -> String {
    "init\ndevd\nconsole\nfsd\npager\nnetd\nhttpd\naid\nshell\n".into()
}

fn pasted() -> String {
    (0..PASTED).map(|number| format!("echo pasted {number:03}\r")).collect()
}

fn echoed() -> String {
    (0..PASTED).map(|number| format!("pasted {number:03}\n")).collect()
}

fn too_long() -> String {
    format!("echo {}\r", "x".repeat(MAX_LINE))
}

/// A block as a terminal pastes it: a line end in it runs nothing.
fn block() -> String {
    let lines = (0..PASTED).map(|number| format!("echo pasted {number:03}"));
    format!("\x1b[200~{}\x1b[201~", lines.collect::<Vec<_>>().join("\r"))
}
