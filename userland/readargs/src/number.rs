//! Numbers as people type them: decimal, `0x`, negative, with K, M or G (powers of 1,024).

/// Reads a number: `10`, `-3`, `+7`, `0x1F`, `64K`, `0x10M`. `None` if it is none or does not fit an `i64`.
pub fn parse_number(text: &str) -> Option<i64> {
    let (negative, body) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (radix, digits) = match body.get(..2) {
        Some("0x" | "0X") => (16, body.get(2..)?),
        _ => (10, body),
    };
    let (digits, shift) = suffix(digits);
    // `from_str_radix` takes a sign of its own, and `--5` or `0x-5` is no number.
    if !digits.bytes().next()?.is_ascii_hexdigit() {
        return None;
    }
    let scaled = i128::from(u64::from_str_radix(digits, radix).ok()?) << shift;
    i64::try_from(if negative { -scaled } else { scaled }).ok()
}

/// Splits a K, M or G off and says by how many bits it shifts.
fn suffix(digits: &str) -> (&str, u32) {
    let shift = match digits.as_bytes().last() {
        Some(b'k' | b'K') => 10,
        Some(b'm' | b'M') => 20,
        Some(b'g' | b'G') => 30,
        _ => return (digits, 0),
    };
    (digits.get(..digits.len() - 1).unwrap_or(""), shift)
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn decimal_and_signs() {
        assert_eq!(parse_number("0"), Some(0));
        assert_eq!(parse_number("-42"), Some(-42));
        assert_eq!(parse_number("+7"), Some(7));
        assert_eq!(parse_number("007"), Some(7));
    }

    #[test]
    fn hexadecimal_and_suffixes() {
        assert_eq!(parse_number("0x1F"), Some(31));
        assert_eq!(parse_number("-0X10"), Some(-16));
        assert_eq!(parse_number("64K"), Some(65_536));
        assert_eq!(parse_number("2m"), Some(2 << 20));
        assert_eq!(parse_number("0x2G"), Some(2 << 30));
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(parse_number("9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_number("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_number("9223372036854775808"), None);
        assert_eq!(parse_number("9223372036854775807G"), None);
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "-", "+", "0x", "K", "1.5", "--5", "0x-5", "+-5", "12a", "1KK", "5 ", "٣", "-K"] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }
}
