//! Shared by the stories: parsing in one line.
#![allow(dead_code)]

use readargs::{Args, Error, Line, Parsed, read};

/// Parses what stands behind the command's name.
pub fn parse<'t>(template: &'t str, text: &str) -> Result<Parsed<'t>, Error> {
    read(template, &Line::split(text)?)
}

/// Arguments that must fit.
pub fn args<'t>(template: &'t str, text: &str) -> Args<'t> {
    match parse(template, text) {
        Ok(Parsed::Args(args)) => args,
        other => panic!("{template} with {text:?}: {other:?}"),
    }
}

/// The refusal: number and text.
pub fn refused(template: &str, text: &str) -> (u16, String) {
    match parse(template, text) {
        Err(error) => (error.number(), error.to_string()),
        other => panic!("{template} with {text:?}: {other:?}"),
    }
}
