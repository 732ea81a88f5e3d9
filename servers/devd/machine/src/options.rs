//! Options: `key=value`, one a line, or separated by blanks on the command line (`contracts.md` §3).

/// Bytes of all options of one source at most; the rest is not read.
pub const MAX_TEXT: usize = 64 << 10;

/// The value of a key in fw_cfg's lines; the last one counts. Keys compare without regard to ASCII case.
pub fn in_lines<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    value(text.lines().map(|line| line.trim_end_matches('\r')), key)
}

/// The value of a key in a command line; the last one counts.
pub fn in_command_line<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    value(text.split_ascii_whitespace(), key)
}

fn value<'a>(parts: impl Iterator<Item = &'a str>, key: &str) -> Option<&'a str> {
    let pairs = parts.filter_map(|part| part.split_once('='));
    pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key)).last().map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_have_blanks_and_equal_signs_in_lines() {
        let text = "hostport=8080\nexec=1\nname = a=b c\r\n=x\nHOSTPORT=9090";
        assert_eq!(in_lines(text, "hostport"), Some("9090"));
        assert_eq!(in_lines(text, "name"), Some(" a=b c"));
        assert_eq!(in_lines(text, "nothing"), None);
        assert_eq!(in_command_line("quiet hostport=1 x", "hostport"), Some("1"));
        assert_eq!(in_command_line("quiet", "quiet"), None);
    }
}
