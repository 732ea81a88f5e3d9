//! Certificates for the TLS stories, made by the host's `openssl` when a story needs them, so that none expires in the
//! repository.

use crate::Failure;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It was valid once.
    Expired,
    /// It is for another name.
    Misnamed,
    /// Its issuer is not the one the client was told to trust.
    UnknownIssuer,
}

/// `openssl ca` needs a data base and rules; this is the least it takes.
const CONFIGURATION: &str = "\
[ca]
default_ca = ours
[ours]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = anything
[anything]
commonName = supplied
";

/// Makes `ca.pem` (what the client trusts), `server.pem` and `server.key` in `folder`.
///
/// # Errors
/// openssl is missing or refuses.
pub fn make(folder: &Path, fault: Fault) -> Result<(), Failure> {
    let write =
        |name: &str, text: &str| fs::write(folder.join(name), text).map_err(|e| Failure::new(format!("{name}: {e}")));
    write("index.txt", "")?;
    write("serial", "1000\n")?;
    write("ca.cnf", CONFIGURATION)?;
    let name = if fault == Fault::Misnamed { "DNS:other.test,IP:192.0.2.1" } else { "DNS:server.test,IP:10.0.2.2" };
    write("leaf.ext", &format!("basicConstraints=CA:FALSE\nsubjectAltName={name}\n"))?;
    authority(folder, "ca", "Test CA")?;
    let issuer = if fault == Fault::UnknownIssuer {
        authority(folder, "other", "Other CA")?;
        "other"
    } else {
        "ca"
    };
    let request = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj";
    openssl(folder, &words(request, &["/CN=server.test"]))?;
    let dates =
        if fault == Fault::Expired { "20200101000000Z 20210101000000Z" } else { "20200101000000Z 20991231000000Z" };
    let (start, end) = dates.split_once(' ').unwrap_or_default();
    let sign = format!(
        "ca -batch -notext -config ca.cnf -in server.csr -out server.pem -cert {issuer}.pem -keyfile {issuer}.key \
         -startdate {start} -enddate {end} -extfile leaf.ext"
    );
    openssl(folder, &words(&sign, &[]))
}

fn authority(folder: &Path, file: &str, name: &str) -> Result<(), Failure> {
    let request = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout {file}.key -out {file}.pem \
         -addext keyUsage=critical,keyCertSign -subj"
    );
    openssl(folder, &words(&request, &[&format!("/CN={name}")]))
}

fn words(line: &str, more: &[&str]) -> Vec<String> {
    line.split(' ').chain(more.iter().copied()).map(str::to_string).collect()
}

fn openssl(folder: &Path, arguments: &[String]) -> Result<(), Failure> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Failure::new(format!("openssl {}: {said}", arguments.join(" "))))
        }
        Err(e) => Err(Failure::new(format!("openssl: {e}"))),
    }
}
