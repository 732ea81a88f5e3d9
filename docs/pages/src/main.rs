//! Writes the generated pages of the book.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    for page in pages::all() {
        fs::write(book.join(page.path), page.text)?;
        println!("docs/src/{}", page.path);
    }
    Ok(())
}
