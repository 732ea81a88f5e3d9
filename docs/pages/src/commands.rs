//! The page of commands, from `manuals`.

pub fn page() -> String {
    let mut out = super::head("Commands", "the manuals in `userland/manuals`");
    out += "\
`CMD ?` asks for a command's arguments by its template, `CMD --help` prints this text. In a template `/A` is an argument that
must be given, `/M` one that takes many values, `/S` a switch, `/K` one that needs its keyword, `/N` a number, `/F` the rest of
the line; `=` separates a keyword's alias. A keyword counts only where it is not quoted.

";
    let names: Vec<String> =
        manuals::all().map(|manual| format!("[{}](#{})", manual.name, manual.name.to_ascii_lowercase())).collect();
    out += &names.join(" · ");
    out.push('\n');
    for manual in manuals::all() {
        out += &format!("\n{}", manual.page());
    }
    out
}
