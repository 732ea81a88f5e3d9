//! The server's side: what httpd is made of.

mod conditional;
mod connection;
mod file;
mod head;
mod mime;
mod path;
mod range;
mod reply;

pub use conditional::{ETag, Precondition, Validators, evaluate};
pub use connection::{Connection, Limits, NotNow, Phase, ServerRequest};
pub use file::{FileInfo, plan_file};
pub use head::{Refusal, RequestHead};
pub use mime::content_type;
pub use path::{PathError, RequestPath};
pub use range::{ByteRange, RangeAnswer, choose_range};
pub use reply::{Length, Reply, error_page, escape_html};
