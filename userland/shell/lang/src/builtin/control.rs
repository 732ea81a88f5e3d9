//! Built-ins that steer scripts and the shell: EXECUTE, FAILAT, QUIT, SKIP, ASK, ENDSHELL.

use alloc::format;
use alloc::string::{String, ToString};

use readargs::{Args, Line, Parsed};

use super::line;
use crate::fault::{Fault, code};
use crate::host::Outcome;
use crate::interp::{Ended, Run};
use crate::path as paths;
use crate::script::Script;
use crate::shell::{FAIL_AT, Frame, Limit};

type Result = core::result::Result<Ended, Fault>;

/// Largest script, in bytes.
const MAX_SCRIPT: usize = 256 * 1024;

pub(super) fn ended(code: u32) -> Ended {
    Ended::With(Outcome::code(code))
}

impl Run<'_> {
    /// Runs a script file in a frame of its own.
    pub(crate) fn execute(&mut self, path: &str, args: &Line) -> Result {
        let path = paths::join(&self.shell.cwd, path)?;
        let bytes = self.host.read_file(&path, MAX_SCRIPT)?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(Fault::new(code::WRONG_TYPE, format!("\"{path}\" is no text")));
        };
        let script = Script::parse(&text).map_err(|fault| Fault::new(fault.code, format!("{path}: {}", fault.text)))?;
        let mut frame = Frame::new(paths::file_name(&path), Limit::Stops(FAIL_AT));
        frame.args = args.words.iter().map(|word| word.text.clone()).collect();
        if let Some(template) = &script.template
            && let Some(ended) = self.parameters(template, args, &mut frame)?
        {
            return Ok(ended);
        }
        for (name, value) in script.defaults.iter() {
            if frame.parameters.get(name).is_none_or(String::is_empty) {
                frame.parameters.set(name, value.clone())?;
            }
        }
        self.shell.last = Outcome::OK;
        let ended = self.nested(|run| Ok(run.framed(frame, |run| run.steps(&script))))?;
        // A label is looked for in its own script only.
        Ok(if matches!(ended, Ended::Skip { .. }) { Ended::OK } else { ended })
    }

    /// Fills a keyed script's parameters; `Some` if only its template or help was asked for.
    fn parameters(
        &mut self,
        template: &str,
        args: &Line,
        frame: &mut Frame,
    ) -> core::result::Result<Option<Ended>, Fault> {
        let parsed = readargs::read(template, args)?;
        let Parsed::Args(values) = parsed else {
            self.put(&line(template));
            return Ok(Some(Ended::OK));
        };
        for (item, value) in values.pairs() {
            for name in item.names().iter().filter(|name| !name.is_empty()) {
                frame.parameters.set(name, value.clone().unwrap_or_default())?;
            }
        }
        Ok(None)
    }
}

pub(super) fn execute(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let rest = Line::split(args.string_or("ARGS", ""))?;
    run.execute(args.string_or("FILE", ""), &rest)
}

pub(super) fn failat(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let Some(number) = args.number("RCLIM") else {
        let limit = match run.shell.frames.last().map(|frame| frame.limit) {
            Some(Limit::Stops(limit) | Limit::Shown(limit)) => limit,
            None => FAIL_AT,
        };
        run.put(&format!("Fail limit: {limit}\n"));
        return Ok(Ended::OK);
    };
    let limit = u32::try_from(number).ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| Fault::new(code::BAD_NUMBER, format!("{number} is no limit; 1 or more is")))?;
    if let Some(frame) = run.shell.frames.last_mut() {
        frame.limit = match frame.limit {
            Limit::Stops(_) => Limit::Stops(limit),
            Limit::Shown(_) => Limit::Shown(limit),
        };
    }
    Ok(Ended::OK)
}

/// A return code from an argument: 0 to 255.
fn return_code(args: &Args<'_>) -> core::result::Result<u32, Fault> {
    let number = args.number("RC").unwrap_or(0);
    let code = u32::try_from(number).ok().filter(|code| *code <= 255);
    code.ok_or_else(|| Fault::new(code::BAD_NUMBER, format!("{number} is no return code; 0 to 255 are")))
}

pub(super) fn quit(_: &mut Run<'_>, args: &Args<'_>) -> Result {
    Ok(Ended::Quit(return_code(args)?))
}

pub(super) fn endshell(_: &mut Run<'_>, args: &Args<'_>) -> Result {
    Ok(Ended::EndShell(return_code(args)?))
}

pub(super) fn skip(_: &mut Run<'_>, args: &Args<'_>) -> Result {
    Ok(Ended::Skip { label: args.string_or("LABEL", "").to_string(), back: args.switch("BACK") })
}

pub(super) fn ask(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let prompt = format!("{} ", args.string_or("PROMPT", ""));
    let answer = run.host.read_line(&prompt)?.unwrap_or_default();
    let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    Ok(ended(if yes { 5 } else { 0 }))
}

/// A block word that stands in a pipeline or behind `&&`.
pub(super) fn block_word(_: &mut Run<'_>, _: &Args<'_>) -> Result {
    Err(Fault::new(code::BAD_ARGUMENT, "it must stand alone: not in a pipeline, behind && or || or with a redirection"))
}
