//! Lists that come in pieces, each as long as a message allows: asked for until one is not full.
//!
//! Who answers is not trusted to come to an end: so many entries are taken, or none but such as ascend.

use alloc::vec::Vec;

use protocol::{Error, List};

/// All entries, of who is told how many there are already. Once there are more than `most`, no others are asked for.
pub(crate) fn by_place<T, const N: usize>(
    most: usize,
    mut ask: impl FnMut(u16) -> Result<List<T, N>, Error>,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    loop {
        let some = ask(all.len() as u16)?;
        let last = !some.is_full();
        all.extend(some);
        if last || all.len() > most {
            return Ok(all);
        }
    }
}

/// All entries, of who is told the last one's number: [`Error::Protocol`] if they do not ascend.
pub(crate) fn by_number<T, E: From<Error>, const N: usize>(
    number: impl Fn(&T) -> u32,
    mut ask: impl FnMut(u32) -> Result<List<T, N>, E>,
) -> Result<Vec<T>, E> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let after = all.last().map_or(0, &number);
        let some = ask(after)?;
        if some.first().is_some_and(|first| number(first) <= after) {
            return Err(Error::Protocol.into());
        }
        let last = !some.is_full();
        all.extend(some);
        if last {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(numbers: impl IntoIterator<Item = u32>) -> List<u32, 4> {
        List::new(numbers.into_iter().take(4).collect::<Vec<u32>>()).unwrap()
    }

    #[test]
    fn pieces_are_put_together() {
        for count in 0..10_u32 {
            let placed = by_place(100, |skip| Ok(list(u32::from(skip)..count)));
            assert_eq!(placed, Ok((0..count).collect()));
            let numbered = by_number(|n| *n, |after| Ok::<_, Error>(list(after + 1..=count)));
            assert_eq!(numbered, Ok((1..=count).collect()));
        }
    }

    #[test]
    fn an_answer_without_end_is_not_followed() {
        assert_eq!(by_place(10, |_| Ok(list(0..4))).unwrap().len(), 12);
        assert_eq!(by_number(|n| *n, |_| Ok::<_, Error>(list(5..9))), Err(Error::Protocol));
    }
}
