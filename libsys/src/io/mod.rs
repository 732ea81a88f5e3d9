//! Streams: reading and writing wherever they lead, and the process's standard ones.

mod print;
mod standard;
mod stream;

pub use print::{eprint, print};
#[cfg(target_os = "viaether")]
pub(crate) use standard::close_standard;
#[cfg(target_os = "viaether")]
pub(crate) use standard::forget_standard;
pub use standard::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub(crate) use stream::create_ring;
pub use stream::{Input, Output, PipeReader, PipeWriter};

use alloc::{string::String, vec::Vec};

use protocol::Error;

/// Bytes come from here.
pub trait Read {
    /// Reads at least one byte, waiting for it; 0 is the end.
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error>;

    /// Reads up to the end, at most `limit` bytes: [`Error::Limit`] beyond.
    fn read_to_end(&mut self, to: &mut Vec<u8>, limit: usize) -> Result<usize, Error> {
        let start = to.len();
        let mut buffer = alloc::vec![0; 16 << 10];
        loop {
            let count = self.read(&mut buffer)?;
            if count == 0 {
                return Ok(to.len() - start);
            }
            if to.len() - start + count > limit {
                return Err(Error::Limit);
            }
            to.try_reserve(count).map_err(|_| Error::NoMemory)?;
            to.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
    }
}

/// Bytes go there.
pub trait Write {
    /// Writes everything, waiting for room.
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error>;

    /// Sends on what is buffered.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Writes formatted text.
    fn write_fmt(&mut self, arguments: core::fmt::Arguments<'_>) -> Result<(), Error> {
        struct Adapter<'a, W: ?Sized>(&'a mut W, Result<(), Error>);
        impl<W: Write + ?Sized> core::fmt::Write for Adapter<'_, W> {
            fn write_str(&mut self, text: &str) -> core::fmt::Result {
                self.1 = self.0.write_all(text.as_bytes());
                self.1.map_err(|_| core::fmt::Error)
            }
        }
        let mut adapter = Adapter(self, Ok(()));
        match core::fmt::Write::write_fmt(&mut adapter, arguments) {
            Ok(()) => Ok(()),
            Err(_) => adapter.1.and(Err(Error::Internal)),
        }
    }
}

impl Write for Vec<u8> {
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error> {
        self.try_reserve(from.len()).map_err(|_| Error::NoMemory)?;
        self.extend_from_slice(from);
        Ok(())
    }
}

impl Write for crate::fs::File {
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error> {
        crate::fs::File::write_all(self, from)
    }
}

impl Read for crate::fs::File {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        crate::fs::File::read(self, to)
    }
}

impl Read for &[u8] {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        let count = to.len().min(self.len());
        let (now, later) = self.split_at(count);
        to[..count].copy_from_slice(now);
        *self = later;
        Ok(count)
    }
}

/// The longest line that [`Lines`] gives; longer ones are [`Error::LineTooLong`].
pub const MAX_LINE: usize = 1 << 20;

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: bool,
}

impl<R: Read> Lines<R> {
    /// Of this source.
    pub fn new(source: R) -> Self {
        Lines { source, buffer: Vec::new(), start: 0, end: false }
    }

    /// The next line with its newline, if it has one; none at the end.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut looked = self.start;
        loop {
            let rest = self.buffer.get(looked..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.take(looked + at + 1)));
            }
            looked = self.buffer.len();
            if self.end {
                let line = (self.start < looked).then(|| self.take(looked));
                return Ok(line);
            }
            if looked - self.start > MAX_LINE {
                return Err(Error::LineTooLong);
            }
            self.buffer.drain(..self.start);
            looked -= core::mem::take(&mut self.start);
            let old = self.buffer.len();
            self.buffer.try_reserve(8192).map_err(|_| Error::NoMemory)?;
            self.buffer.resize(old + 8192, 0);
            let count = self.source.read(self.buffer.get_mut(old..).unwrap_or_default());
            self.buffer.truncate(old + *count.as_ref().unwrap_or(&0));
            self.end = count? == 0;
        }
    }

    /// The next line's bytes without its newline; none at the end.
    pub fn next_row(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut line = self.next_bytes()?;
        if let Some(bytes) = &mut line
            && bytes.last() == Some(&b'\n')
        {
            bytes.pop();
        }
        Ok(line)
    }

    fn take(&mut self, end: usize) -> Vec<u8> {
        let line = self.buffer.get(self.start..end).unwrap_or_default().to_vec();
        self.start = end;
        line
    }

    /// The next line as text without its line end; none at the end. Bytes that are no UTF-8 become U+FFFD.
    pub fn next_line(&mut self) -> Result<Option<String>, Error> {
        let Some(mut line) = self.next_bytes()? else { return Ok(None) };
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        Ok(Some(match String::from_utf8(line) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
            let some = self.1.min(to.len());
            self.0.read(&mut to[..some])
        }
    }

    #[test]
    fn lines_come_whole_whatever_the_pieces() {
        for piece in 1..9 {
            let mut lines = Lines::new(Slow(b"one\r\n\ntwo\xff\nlast", piece));
            let mut all = Vec::new();
            while let Some(line) = lines.next_line().unwrap() {
                all.push(line);
            }
            assert_eq!(all, ["one", "", "two\u{fffd}", "last"]);
            assert_eq!(lines.next_line(), Ok(None));
            let mut rows = Lines::new(Slow(b"one\r\n\nlast", piece));
            for row in ["one\r", "", "last"] {
                assert_eq!(rows.next_row(), Ok(Some(row.into())));
            }
            assert_eq!(rows.next_row(), Ok(None));
        }
    }

    #[test]
    fn endless_lines_are_refused() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
                to.fill(b'x');
                Ok(to.len())
            }
        }
        assert_eq!(Lines::new(Endless).next_line(), Err(Error::LineTooLong));
        assert_eq!(Endless.read_to_end(&mut Vec::new(), 100_000), Err(Error::Limit));
    }
}
