//! SHELLTEST: the real shell with real commands: a line in, its output and return code out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::io::Read;
use libsys::spawn::{Command, Stdio};
use libsys::{Error, Pool, fs};

use crate::checks::{Checks, Group};

/// The groups.
pub const GROUPS: &[Group] = &[
    Group { name: "words, quotes, variables", run: words },
    Group { name: "pipes", run: pipes },
    Group { name: "redirection", run: redirection },
    Group { name: "return codes", run: codes },
    Group { name: "conditions and loops", run: blocks },
    Group { name: "files and patterns", run: files },
    Group { name: "scripts", run: scripts },
    Group { name: "jobs", run: jobs },
];

/// Where files are made.
const PLACE: &str = "RAM:shelltest";
/// Bytes of output that a line gives at most.
const MOST: usize = 256 << 10;

/// A line, what it prints, and the code it ends with.
type Case = (&'static str, &'static str, u32);

/// Runs a line in a shell of its own, in the checks' directory: its output and code.
fn line(text: &str) -> Result<(String, u32), Error> {
    shell(&["LINE", text])
}

fn shell(arguments: &[&str]) -> Result<(String, u32), Error> {
    let pool = Pool::own()?;
    let pages = pool.info()?;
    // What a nested shell and its jobs may use: all but what this process still needs.
    let share = (pages.pages - pages.used) * 3 / 4;
    let command = Command::new("L/shell").args(arguments).current_dir(PLACE).pages(share as u32);
    let mut prepared = command.stdout(Stdio::Piped).prepare(&pool)?;
    let mut output = prepared.pipe_here(1, &pool)?;
    let child = prepared.start()?;
    let mut bytes = Vec::new();
    // A stage that ends with 10 closes its output with the reason; what came before is the output all the same.
    let _ = output.read_to_end(&mut bytes, MOST);
    let ended = child.wait()?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), ended.code))
}

fn cases(checks: &mut Checks, cases: &[Case]) -> Result<(), Error> {
    if !fs::exists(PLACE) {
        fs::create_dir(PLACE)?;
    }
    for (text, output, code) in cases {
        let result = match line(text) {
            Ok(have) if have == (String::from(*output), *code) => Ok(()),
            Ok((have, ended)) => Err(format!("{have:?} with {ended} instead of {output:?} with {code}")),
            Err(error) => Err(format!("{error}")),
        };
        checks.check(text, result);
    }
    Ok(())
}

fn words(checks: &mut Checks) -> Result<(), Error> {
    cases(
        checks,
        &[
            ("echo hello", "hello\n", 0),
            ("echo \"two  words\"", "two  words\n", 0),
            ("echo one two", "one two\n", 0),
            ("set a 5; echo $a", "5\n", 0),
            ("set a 5; echo x${a}y", "x5y\n", 0),
            ("echo [$nosuch]", "[]\n", 0),
            ("echo a; echo b", "a\nb\n", 0),
        ],
    )
}

fn pipes(checks: &mut Checks) -> Result<(), Error> {
    cases(
        checks,
        &[
            ("echo hello | type", "hello\n", 0),
            ("seq 1 3 | sort REVERSE", "3\n2\n1\n", 0),
            ("seq 1 100 | tail LINES=1", "100\n", 0),
            ("seq 1 1000 | head LINES=2", "1\n2\n", 0),
            ("seq 1 5000 | wc LINES", "5000\n", 0),
            ("seq 1 300 | search 99", "99\n199\n299\n", 0),
            ("seq 1 9 | type | type | type | tail LINES=1", "9\n", 0),
        ],
    )
}

fn redirection(checks: &mut Checks) -> Result<(), Error> {
    cases(
        checks,
        &[
            ("echo one >r1; type r1", "one\n", 0),
            ("echo one >r2; echo two >>r2; type r2", "one\ntwo\n", 0),
            ("echo three >r3; type <r3", "three\n", 0),
            ("type nosuchfile 2>r4 || echo failed", "failed\n", 0),
        ],
    )
}

fn codes(checks: &mut Checks) -> Result<(), Error> {
    cases(
        checks,
        &[
            ("true && echo yes", "yes\n", 0),
            ("nosuchcommand || echo no", "no\n", 0),
            ("nosuchcommand", "", 10),
            ("type nosuchfile", "", 10),
            ("echo x | type nosuchfile", "", 10),
        ],
    )
}

fn blocks(checks: &mut Checks) -> Result<(), Error> {
    cases(
        checks,
        &[
            ("if a eq a; echo yes; else; echo no; endif", "yes\n", 0),
            ("if exists SYS:; echo yes; endif", "yes\n", 0),
            ("if not exists RAM:nosuch; echo right; endif", "right\n", 0),
            ("for x in a b c; echo $x; endloop", "a\nb\nc\n", 0),
            ("set n \"\"; while not \"$n\" eq xx; set n x$n; echo $n; endloop", "x\nxx\n", 0),
        ],
    )
}

fn files(checks: &mut Checks) -> Result<(), Error> {
    cases(
        checks,
        &[
            ("makedir d; echo 1 >d/a.txt; echo 2 >d/b.txt; echo 3 >d/c.dat; type d/#?.txt", "1\n2\n", 0),
            ("copy d/a.txt d/e.txt; type d/e.txt", "1\n", 0),
            ("rename d/e.txt d/f.txt; type d/f.txt", "1\n", 0),
            ("delete d/f.txt QUIET; type d/f.txt", "", 10),
            ("cd d; type a.txt", "1\n", 0),
            ("delete d ALL QUIET; if exists d; echo still; endif", "", 0),
        ],
    )
}

fn scripts(checks: &mut Checks) -> Result<(), Error> {
    let text =
        "; a script\nfailat 30\nnosuchcommand\nif error\necho failed\nendif\nskip over\necho never\nlab over\nquit 5\n";
    fs::write(&format!("{PLACE}/script"), text.as_bytes())?;
    checks.equal("FAILAT, IF ERROR, SKIP, QUIT", shell(&["script"])?, ("failed\n".into(), 5));
    let text = ".key name/a\necho \"for <name>\"\n";
    fs::write(&format!("{PLACE}/keyed"), text.as_bytes())?;
    checks.equal(".KEY", shell(&["keyed", "me"])?, ("for me\n".into(), 0));
    let (_, code) = shell(&["nosuchscript"])?;
    checks.equal("a script that is not there", code, 10);
    Ok(())
}

fn jobs(checks: &mut Checks) -> Result<(), Error> {
    // More than run at a time, with no prompt between them.
    let numbers: Vec<String> = (1..=34).map(|n| format!("{n}")).collect();
    let text = format!("for x in {}; run quiet wait 1 MS; wait 20 MS; endloop; echo done", numbers.join(" "));
    checks.equal("34 jobs, one after the other", line(&text)?, ("done\n".into(), 0));
    Ok(())
}
