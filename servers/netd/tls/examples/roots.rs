//! Writes the roots of Mozilla's list as one PEM bundle, for `SYS:certs`:
//!
//! ```text
//! cargo run -p tls --example roots > boot/sys/certs/mozilla.pem
//! ```
//!
//! The list comes from the crate `webpki-root-certs`, whose version in Cargo.lock says which list it is. A comment names
//! each root, so that a reader of the file can find and remove one.

use std::io::{Write, stdout};

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(stdout().lock());
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        if let Some(root) = tls::Certificate::from_der(der) {
            writeln!(out, "# {}, valid to {}", root.subject, root.not_after)?;
        }
        writeln!(out, "-----BEGIN CERTIFICATE-----")?;
        for line in base64(der).as_bytes().chunks(64) {
            out.write_all(line)?;
            out.write_all(b"\n")?;
        }
        writeln!(out, "-----END CERTIFICATE-----\n")?;
    }
    out.flush()
}

fn base64(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |n, &b| (n << 8) | u32::from(b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let symbol = SYMBOLS[(group >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(symbol) } else { '=' });
        }
    }
    text
}
