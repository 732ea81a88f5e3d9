//! The page of errors, from `protocol`'s table.

use protocol::Error;

pub fn page() -> String {
    let mut out = super::head("Errors and return codes", "`protocol::Error`");
    out += "\
A command ends with 0 OK, 5 WARN, 10 ERROR or 20 FAIL. An error is one line on standard error: what, the name, why, and what
would be right; `WHY` says the last one again. Numbers below 400 are AmigaDOS's.

| number | name | code | meaning |
|---|---|---|---|
";
    for error in Error::ALL {
        out += &format!("| {} | `{}` | {} | {} |\n", error.code(), error.name(), error.return_code(), error.text());
    }
    out
}
