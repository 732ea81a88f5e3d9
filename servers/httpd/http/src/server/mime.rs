//! Content types by the end of a file's name.

/// The type to send for a file of this name. Text is UTF-8 here; what is not known is bytes, which no browser runs.
pub fn content_type(name: &str) -> &'static str {
    const LONGEST: usize = 11;
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..extension.len()) else { return UNKNOWN };
    lower.copy_from_slice(extension.as_bytes());
    lower.make_ascii_lowercase();
    let found = TYPES.iter().find(|(known, _)| known.as_bytes() == lower);
    found.map_or(UNKNOWN, |(_, content_type)| content_type)
}

const UNKNOWN: &str = "application/octet-stream";

const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/plain; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("xml", "application/xml"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("ico", "image/x-icon"),
    ("pgm", "image/x-portable-graymap"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("wasm", "application/wasm"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
    ("webmanifest", "application/manifest+json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_decides_without_case() {
        assert_eq!(content_type("index.html"), "text/html; charset=utf-8");
        assert_eq!(content_type("logo.tar.PNG"), "image/png");
        for unknown in ["README", ".", "", "a.", "x.unknownextension", "png"] {
            assert_eq!(content_type(unknown), UNKNOWN, "{unknown}");
        }
        assert_eq!(content_type("app.webmanifest"), "application/manifest+json");
    }
}
