//! The manuals of all commands that are programs: what the shell completes and shows, what the programs parse by, and the
//! pages of the book. One constant a command, in one file a group.
#![no_std]
#![forbid(unsafe_code)]

mod files;
mod network;
mod system;
mod tests_and_ai;
mod text;

pub use readargs::Manual;

/// Every command's manual, by group.
pub const GROUPS: &[&[Manual]] =
    &[files::MANUALS, text::MANUALS, system::MANUALS, network::MANUALS, tests_and_ai::MANUALS];

/// Every command's manual.
pub fn all() -> impl Iterator<Item = &'static Manual> {
    GROUPS.iter().flat_map(|group| group.iter())
}

/// The manual of the command that answers to a name, in any case.
pub fn find(name: &str) -> Option<&'static Manual> {
    all().find(|manual| {
        manual.name.eq_ignore_ascii_case(name) || manual.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::string::String;
    use std::{fs, vec};

    #[test]
    fn every_template_parses_and_every_argument_is_described() {
        for manual in all() {
            manual.check().unwrap_or_else(|error| panic!("{}: {}", manual.name, error.text()));
            assert!(!manual.summary.is_empty() && manual.summary.len() < 80, "{}", manual.name);
        }
    }

    #[test]
    fn no_two_commands_answer_to_one_name() {
        let mut seen = BTreeSet::new();
        for manual in all() {
            assert!(seen.insert(manual.name.to_ascii_lowercase()), "{}", manual.name);
            for alias in manual.aliases {
                assert!(seen.insert(alias.to_ascii_lowercase()), "{alias}");
            }
        }
    }

    /// Switches that ask for what is so anyway.
    const SO_ANYWAY: &[(&str, &str)] = &[("WAIT", "SEC"), ("REBOOT", "COLD")];

    /// All that the programs' sources say.
    fn sources() -> String {
        let mut all = String::new();
        for program in ["ainfer", "command", "commands", "kbench", "netcommands", "selftest"] {
            let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(program).join("src")];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        all += &fs::read_to_string(path).unwrap();
                    }
                }
            }
        }
        all
    }

    #[test]
    fn every_argument_is_named_by_some_program() {
        let sources = sources();
        for manual in all() {
            for argument in manual.template.split(',').filter(|argument| !argument.is_empty()) {
                let names = argument.split('/').next().unwrap_or("");
                let read = names.split('=').any(|name| sources.contains(&std::format!("\"{name}\"")));
                assert!(read || SO_ANYWAY.contains(&(manual.name, names)), "{} {names}: nothing reads it", manual.name);
            }
        }
    }

    #[test]
    fn examples_parse() {
        for manual in all() {
            for (line, _) in manual.examples {
                // What stands before a pipe or redirection is this command's.
                let own = line.split(['|', '>']).next().unwrap_or("");
                let words = own.split_once(' ').map_or("", |(_, rest)| rest);
                let parsed = manual.template().unwrap().parse(&readargs::Line::split(words).unwrap());
                assert!(parsed.is_ok(), "{line}: {:?}", parsed);
            }
        }
    }
}
