//! Built-ins of this process beside the language's own: ASSIGN, CLEAR, NEWSHELL, RESIDENT.

use alloc::vec::Vec;

use readargs::{Args, Line, Manual, Parsed};
use shell_lang::fault::{Fault, code};
use shell_lang::host::Outcome;

use crate::assign;
use crate::world::World;

/// Their manuals.
pub const MANUALS: &[Manual] = &[
    assign::MANUAL,
    Manual {
        name: "CLEAR",
        aliases: &["cls"],
        template: "",
        summary: "Clears the screen.",
        arguments: &[],
        examples: &[],
    },
    Manual {
        name: "NEWSHELL",
        aliases: &["newcli"],
        template: "FROM,CAPS/K",
        summary: "Opens another shell; ENDSHELL leads back.",
        arguments: &[("FROM", "a script that it runs first"), ("CAPS", "the only names it has, such as \"SYS: RAM:\"")],
        examples: &[("NEWSHELL CAPS=\"SYS: C:\"", "a shell without the network and without RAM:")],
    },
    Manual {
        name: "RESIDENT",
        aliases: &[],
        template: "NAME,FILE,REMOVE/S,ADD/S",
        summary: "Lists the commands that are always in memory.",
        arguments: &[
            ("NAME", "only this one"),
            ("FILE", "its program"),
            ("REMOVE", "not possible: programs of the boot archive stay in memory"),
            ("ADD", "not needed: programs of the boot archive are in memory already"),
        ],
        examples: &[],
    },
];

type Done = Result<Outcome, Fault>;

/// Runs the built-in of that name, if there is one.
pub fn run(world: &mut World, name: &str, line: &Line, cwd: &str, out: &mut Vec<u8>) -> Option<Done> {
    let answers = |manual: &&Manual| {
        manual.name.eq_ignore_ascii_case(name) || manual.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    };
    let manual = MANUALS.iter().find(answers)?;
    Some(call(world, manual, line, cwd, out))
}

fn call(world: &mut World, manual: &Manual, line: &Line, cwd: &str, out: &mut Vec<u8>) -> Done {
    let template = manual.template()?;
    let mut parsed = template.parse(line)?;
    if parsed == Parsed::Template {
        let prompt = alloc::format!("{}: ", manual.template);
        match world.ask(&prompt)? {
            Some(answer) => parsed = template.parse(&line.answered(&answer)?)?,
            None => {
                out.extend_from_slice(manual.template.as_bytes());
                out.push(b'\n');
                return Ok(Outcome::OK);
            }
        }
    }
    let Parsed::Args(args) = parsed else {
        out.extend_from_slice(manual.help().as_bytes());
        return Ok(Outcome::OK);
    };
    match manual.name {
        "ASSIGN" => assign::run(&args, cwd, out),
        "CLEAR" => {
            out.extend_from_slice(world.clear_sequence());
            Ok(Outcome::OK)
        }
        "NEWSHELL" => world.new_shell(args.string("FROM"), args.string("CAPS"), cwd),
        _ => resident(&args, out),
    }
}

fn resident(args: &Args<'_>, out: &mut Vec<u8>) -> Done {
    if args.switch("REMOVE") || args.switch("ADD") {
        let text = "programs of the boot archive are in memory already and stay there; RESIDENT lists built-ins";
        return Err(Fault::new(code::BAD_ARGUMENT, text));
    }
    let wanted = |manual: &&Manual| args.string("NAME").is_none_or(|name| manual.name.eq_ignore_ascii_case(name));
    let mut found: Vec<&str> =
        shell_lang::manuals().iter().chain(MANUALS).filter(wanted).map(|manual| manual.name).collect();
    found.sort_unstable();
    for name in &found {
        out.extend_from_slice(alloc::format!("{name:12} INTERNAL\n").as_bytes());
    }
    Ok(Outcome::code(if found.is_empty() { 5 } else { 0 }))
}
