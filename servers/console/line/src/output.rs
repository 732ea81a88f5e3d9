//! What goes out to a terminal.

use alloc::vec::Vec;

/// Appends bytes with a carriage return before each line feed: what a serial terminal wants.
pub fn crlf(bytes: &[u8], to: &mut Vec<u8>) {
    for part in bytes.split_inclusive(|byte| *byte == b'\n') {
        match part.split_last() {
            Some((b'\n', line)) => {
                to.extend_from_slice(line);
                to.extend_from_slice(b"\r\n");
            }
            _ => to.extend_from_slice(part),
        }
    }
}

/// Appends a log text with control characters made visible: a process must not steer the terminal through the log.
pub fn printable(text: &[u8], to: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\t' | 0x20..=0x7e | 0x80.. => to.push(*byte),
            _ => to.push(b'.'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_get_a_return_and_nothing_else_changes() {
        let mut out = Vec::new();
        crlf(b"a\nb\n\nc", &mut out);
        assert_eq!(out, b"a\r\nb\r\n\r\nc");
    }

    #[test]
    fn escapes_in_the_log_do_not_reach_the_terminal() {
        let mut out = Vec::new();
        printable("\x1b[2Jä\n".as_bytes(), &mut out);
        assert_eq!(out, ".[2Jä.".as_bytes());
    }
}
