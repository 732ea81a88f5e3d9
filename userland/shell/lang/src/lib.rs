//! The shell language: lexer, parser, interpreter, without input or output.
#![no_std]
#![forbid(unsafe_code)]
