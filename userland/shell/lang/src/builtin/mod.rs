//! Built-ins: commands that need the shell's own state. Each has a [`Manual`], the source of its arguments and help.

mod control;
mod info;
mod prefix;
mod vars;

use alloc::format;
use alloc::string::{String, ToString};

use readargs::{Args, Line, Manual, Parsed};

use crate::fault::Fault;
use crate::interp::{Ended, Run};
use crate::script::Block;

pub(crate) use prefix::is_prefix;

type Action = fn(&mut Run<'_>, &Args<'_>) -> Result<Ended, Fault>;

/// A built-in.
pub(crate) struct Builtin {
    manual: &'static Manual,
    action: Action,
}

/// The manuals of all built-ins, by name.
pub fn manuals() -> &'static [Manual] {
    MANUALS
}

/// Finds a built-in by any of its names.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    let manual = MANUALS.iter().find(|manual| answers(manual, name))?;
    let action = action(manual.name)?;
    Some(Builtin { manual, action })
}

pub(crate) fn answers(manual: &Manual, name: &str) -> bool {
    manual.name.eq_ignore_ascii_case(name) || manual.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
}

/// Built-ins that run other commands: as a stage of a pipeline they need a shell process of their own.
pub(crate) fn runs_scripts(name: &str) -> bool {
    find(name).is_some_and(|builtin| builtin.manual.name == "EXECUTE")
}

/// The name of a block word, for messages.
pub(crate) fn block_name(block: Block) -> &'static str {
    match block {
        Block::If => "IF",
        Block::Else => "ELSE",
        Block::EndIf => "ENDIF",
        Block::While => "WHILE",
        Block::For => "FOR",
        Block::EndLoop => "ENDLOOP",
        Block::Lab => "LAB",
        Block::EndSkip => "ENDSKIP",
    }
}

/// Parses the arguments and does it; `?` and `--help` are answered here.
pub(crate) fn call(run: &mut Run<'_>, builtin: Builtin, line: &Line) -> Result<Ended, Fault> {
    let template = builtin.manual.template()?;
    if let (true, Some((file, args))) = (builtin.manual.name == "EXECUTE", script_and_args(line)) {
        return run.execute(file, &args);
    }
    let line = &name_first(builtin.manual, line);
    let mut parsed = template.parse(line)?;
    if parsed == Parsed::Template {
        let prompt = format!("{}: ", builtin.manual.template);
        let Some(answer) = run.host.read_line(&prompt)? else {
            run.put(&format!("{}\n", builtin.manual.template));
            return Ok(Ended::OK);
        };
        parsed = template.parse(&line.answered(&answer)?)?;
    }
    match parsed {
        Parsed::Args(args) => (builtin.action)(run, &args),
        Parsed::Help | Parsed::Template => {
            run.put(&builtin.manual.help());
            Ok(Ended::OK)
        }
    }
}

/// A script with its arguments as they are: quotes, `?` and options are the script's own.
fn script_and_args(line: &Line) -> Option<(&str, Line)> {
    let (file, args) = line.words.split_first()?;
    let option = !file.is_quoted() && (file.text.starts_with('-') || file.text == "?" || file.text.contains('='));
    (!option && !file.text.eq_ignore_ascii_case("FILE")).then(|| (file.text.as_str(), Line::of(args.iter().cloned())))
}

/// In `SET name x` the first word is a name, even if it reads as the keyword NAME.
fn name_first(manual: &Manual, line: &Line) -> Line {
    let mut line = line.clone();
    if manual.template.starts_with("NAME")
        && let Some(word) = line.words.first_mut()
        && word.text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("NAME"))
    {
        word.quoting = readargs::Quoting::From(0);
    }
    line
}

/// A line of output.
pub(crate) fn line(text: impl AsRef<str>) -> String {
    let mut line = text.as_ref().to_string();
    line.push('\n');
    line
}

fn action(name: &str) -> Option<Action> {
    Some(match name {
        "CD" => vars::cd,
        "PWD" => vars::pwd,
        "ECHO" => vars::echo,
        "SET" => vars::set,
        "UNSET" => vars::unset,
        "GET" => vars::get,
        "SETENV" => vars::setenv,
        "GETENV" => vars::getenv,
        "UNSETENV" => vars::unsetenv,
        "ALIAS" => vars::alias,
        "UNALIAS" => vars::unalias,
        "PATH" => vars::path,
        "PROMPT" => vars::prompt,
        "EXECUTE" => control::execute,
        "FAILAT" => control::failat,
        "QUIT" => control::quit,
        "SKIP" => control::skip,
        "ASK" => control::ask,
        "ENDSHELL" => control::endshell,
        "TRUE" => |_, _| Ok(Ended::OK),
        "WARN" => |_, _| Ok(control::ended(5)),
        "FALSE" => |_, _| Ok(control::ended(10)),
        "FAIL" => |_, _| Ok(control::ended(20)),
        "WHY" => info::why,
        "FAULT" => info::fault,
        "HELP" => info::help,
        "HISTORY" => info::history,
        "WHICH" => info::which,
        "NICE" | "RUN" | "TIME" => prefix::bare,
        _ if MANUALS.iter().any(|manual| manual.name == name) => control::block_word,
        _ => return None,
    })
}

macro_rules! manuals {
    ($($name:literal [$($alias:literal),*] $template:literal $summary:literal { $($item:literal: $about:literal),* } $($example:literal => $what:literal),*;)*) => {
        const MANUALS: &[Manual] = &[$(Manual {
            name: $name,
            aliases: &[$($alias),*],
            template: $template,
            summary: $summary,
            arguments: &[$(($item, $about)),*],
            examples: &[$(($example, $what)),*],
        }),*];
    };
}

manuals! {
    "ALIAS" [] "NAME,STRING/F" "Shows, makes or lists aliases."
        { "NAME": "the word to replace; none lists all", "STRING": "what it becomes; [] marks where arguments go" }
        "ALIAS ll list [] LONG" => "ll SYS: becomes list SYS: LONG";
    "ASK" [] "PROMPT/A" "Asks a question; yes is return code 5, no is 0."
        { "PROMPT": "the question" } "ASK \"Go on?\"" => "then IF WARN is true for yes";
    "CD" ["chdir"] "DIR" "Shows or changes the current directory."
        { "DIR": "where to; none shows it, / or : is the volume's root, .. the parent" } "CD RAM:" => "a directory's name alone does the same";
    "ECHO" ["print"] "/M,N=NOLINE/S,E=ESC/S,TO/K" "Prints its arguments."
        { "": "what to print", "NOLINE": "without a line end", "ESC": "escapes as \\n count in unquoted words too",
          "TO": "into this file" } "ECHO hello" => "prints hello";
    "ELSE" [] "" "Begins what runs when the IF before it was false." {};
    "ENDIF" [] "" "Ends an IF." {};
    "ENDLOOP" [] "" "Ends a WHILE or FOR." {};
    "ENDSHELL" ["exit", "logout", "endcli"] "RC/N" "Leaves the shell." { "RC": "the return code, 0 if none" };
    "ENDSKIP" [] "" "Ends the search of a SKIP." {};
    "EXECUTE" ["source", "sh", "."] "FILE/A,ARGS/F" "Runs a script in this shell."
        { "FILE": "the script", "ARGS": "its arguments" } "EXECUTE S:User-Startup" => "runs it";
    "FAIL" [] "" "Ends with return code 20." {};
    "FAILAT" [] "RCLIM/N" "Shows or sets the return code that stops the script."
        { "RCLIM": "the limit; every script begins with 10" } "FAILAT 21" => "then IF ERROR and IF FAIL can look at codes";
    "FALSE" [] "" "Ends with return code 10." {};
    "FAULT" ["perror"] "NUMBERS/N/M" "Explains error numbers." { "NUMBERS": "as in $RESULT2; none lists all" } "FAULT 205" => "not found";
    "FOR" [] "NAME/A,IN/A,WORDS/M" "Repeats what follows up to ENDLOOP for each word."
        { "NAME": "the variable", "IN": "the word IN", "WORDS": "its values" } "FOR f IN #?.txt" => "then ECHO $f, then ENDLOOP";
    "GET" [] "NAME/A" "Prints a local variable." { "NAME": "which" };
    "GETENV" ["env", "printenv"] "NAME" "Prints global variables." { "NAME": "which; none prints all" };
    "HELP" ["man"] "TOPIC,ALL/S,SEARCH/K" "Explains commands."
        { "TOPIC": "a command; none lists them", "ALL": "a line for each command", "SEARCH": "commands whose text has this" } "HELP copy" => "the same as copy --help";
    "HISTORY" [] "N/N,CLEAR/S" "Lists what was typed; !n runs a line again." { "N": "only the last n lines", "CLEAR": "forget all" };
    "IF" [] "NOT/S,WARN/S,ERROR/S,FAIL/S,,EQ/K,GT/K,GE/K,VAL/S,EXISTS/K" "Runs what follows up to ELSE or ENDIF if the condition holds."
        { "NOT": "if it does not hold", "WARN": "the last return code is 5 or more", "ERROR": "10 or more", "FAIL": "20 or more",
          "": "the left side", "EQ": "is the same, in whatever case", "GT": "is greater", "GE": "is greater or the same",
          "VAL": "compare numbers", "EXISTS": "there is such a file" } "IF EXISTS RAM:x" => "then commands, then ENDIF";
    "LAB" [] "LABEL" "A place for SKIP." { "LABEL": "its name" };
    "NICE" ["changetaskpri"] "PRI/A,PROCESS/N,BUDGET/K,COMMAND/F" "Runs a command in another class, or gives a process another priority."
        { "PRI": "REALTIME, DRIVER, SERVER, INTERACTIVE, BATCH, IDLE or 0 to 63, the most urgent", "PROCESS": "the process; none runs a command",
          "BUDGET": "processor time on each core: 50% of each 100 microseconds, or 100/200 for 100 of each 200 microseconds", "COMMAND": "the command" }
        "NICE BATCH copy SYS: RAM: ALL" => "copies when nobody else wants the processor", "NICE REALTIME BUDGET=50% burn 5" => "more urgent than everything, for half the time";
    "PATH" [] "PATH/M,ADD/S,SHOW/S,RESET/S,REMOVE/S,HEAD/S" "Shows or changes where commands are looked for."
        { "PATH": "directories", "ADD": "adds them (also without this word)", "SHOW": "shows the path", "RESET": "replaces the path",
          "REMOVE": "removes them", "HEAD": "adds in front" } "PATH RAM:bin HEAD" => "looks there first";
    "PROMPT" [] "PROMPT" "Sets the prompt." { "PROMPT": "%N shell number, %S directory, %R return code, %T time, %H host; none is %N.%S> " };
    "PWD" [] "" "Prints the current directory." {};
    "QUIT" ["return"] "RC/N" "Ends the script." { "RC": "its return code, 0 if none" };
    "RUN" ["bg"] "QUIET/S,CAPS/K,COMMAND/F" "Runs a command in the background."
        { "QUIET": "do not print its number", "CAPS": "only these capabilities", "COMMAND": "the command; a trailing & does the same" } "RUN copy SYS: RAM: ALL" => "prints [1] and the process number";
    "SET" [] "NAME,STRING/F" "Sets or lists local variables." { "NAME": "the name; none lists all", "STRING": "its value" } "SET greeting hello" => "use it as $greeting";
    "SETENV" ["export"] "NAME,SAVE/S,STRING/F" "Sets or lists global variables, the files in ENV:."
        { "NAME": "the name; none lists all", "SAVE": "keep it in ENVARC: too", "STRING": "its value" };
    "SKIP" ["goto"] "LABEL,BACK/S" "Goes on behind a LAB." { "LABEL": "which; none is the next", "BACK": "look from the script's start" };
    "TIME" [] "COMMAND/F" "Runs a command and prints how long it took." { "COMMAND": "the command" };
    "TRUE" [] "" "Ends with return code 0." {};
    "UNALIAS" [] "NAME/A" "Removes an alias." { "NAME": "which" };
    "UNSET" [] "NAME/A/M" "Removes local variables." { "NAME": "which" };
    "UNSETENV" [] "NAME/A,SAVE/S" "Removes a global variable." { "NAME": "which", "SAVE": "from ENVARC: too" };
    "WARN" [] "" "Ends with return code 5." {};
    "WHICH" [] "FILE/A,ALL/S" "Tells what a command name stands for." { "FILE": "the name", "ALL": "everything of that name" };
    "WHILE" [] "NOT/S,WARN/S,ERROR/S,FAIL/S,,EQ/K,GT/K,GE/K,VAL/S,EXISTS/K" "Repeats what follows up to ENDLOOP while the condition holds."
        { "NOT": "while it does not hold", "WARN": "the last return code is 5 or more", "ERROR": "10 or more", "FAIL": "20 or more",
          "": "the left side", "EQ": "is the same", "GT": "is greater", "GE": "is greater or the same", "VAL": "compare numbers",
          "EXISTS": "there is such a file" };
    "WHY" [] "" "Explains the last failure." {};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manual_fits_its_template_and_has_an_action() {
        for manual in MANUALS {
            assert_eq!(manual.check(), Ok(()), "{}", manual.name);
            assert!(action(manual.name).is_some(), "{}", manual.name);
        }
    }

    #[test]
    fn manuals_are_in_order() {
        assert!(MANUALS.is_sorted_by_key(|manual| manual.name));
    }
}
