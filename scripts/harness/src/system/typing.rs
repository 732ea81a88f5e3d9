//! What somebody at the terminal does and sees: the steps of a typed story.

/// Ctrl-A: to the line's start.
pub const CTRL_A: &str = "\x01";
/// Ctrl-C: stop.
pub const CTRL_C: &str = "\x03";
/// Ctrl-D: the end of input.
pub const CTRL_D: &str = "\x04";
/// Ctrl-E: to the line's end.
pub const CTRL_E: &str = "\x05";
/// Ctrl-K: cut to the line's end.
pub const CTRL_K: &str = "\x0b";
/// Ctrl-R: search the history.
pub const CTRL_R: &str = "\x12";
/// Ctrl-U: cut to the line's start.
pub const CTRL_U: &str = "\x15";
/// Ctrl-], QEMU's own key.
pub const CTRL_BRACKET: &str = "\x1d";
/// Cursor up.
pub const UP: &str = "\x1b[A";
/// Cursor left.
pub const LEFT: &str = "\x1b[D";
/// Backspace.
pub const BACKSPACE: &str = "\x7f";
/// Tab.
pub const TAB: &str = "\t";
/// Enter.
pub const ENTER: &str = "\r";

/// A step. Each that waits has a deadline, and goes on from where the one before it found its text.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Types these keys, as fast as the guest takes them.
    Type(&'static str),
    /// Types what the function gives: for input that is long.
    TypeAll(fn() -> String),
    /// Waits for a new line of output that begins so.
    Prints(&'static str),
    /// Waits for new lines of output that begin so, one after the other.
    PrintsAll(fn() -> String),
    /// Waits until the row with the cursor is this. Hints and blanks at the end do not count.
    Shows(&'static str),
}
