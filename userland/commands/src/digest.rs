//! HASH.

use alloc::string::String;

use libsys::io::Read;
use libsys::{Error, Status, println};
use readargs::Args;
use sha2::Digest;

use crate::context::{About, Failure, Outcome, each_source, is_alias};

/// HASH.
pub fn hash(args: &Args) -> Outcome {
    let blake = args.switch("BLAKE3") || is_alias("b3sum");
    if blake && args.switch("SHA256") {
        return Err(Failure::new(Error::BadArgument, "SHA256 or BLAKE3, not both"));
    }
    let mut all_equal = true;
    each_source(args.many("FILE"), |name, mut source| {
        let digest = digest(&mut source, blake).about(name.unwrap_or("standard input"))?;
        match (args.string("CHECK"), name) {
            (Some(wanted), _) => {
                let equal = wanted.trim().eq_ignore_ascii_case(&digest);
                all_equal &= equal;
                println!("{}: {}", name.unwrap_or("-"), if equal { "OK" } else { "differs" });
            }
            (None, Some(name)) => println!("{digest}  {name}"),
            (None, None) => println!("{digest}"),
        }
        Ok(())
    })?;
    if all_equal { Ok(Status::OK) } else { Err(Failure::new(Error::Corrupt, "the digest is another one")) }
}

fn digest(source: &mut dyn Read, blake: bool) -> Result<String, Error> {
    let mut sha = sha2::Sha256::new();
    let mut b3 = blake3::Hasher::new();
    let mut buffer = alloc::vec![0; 64 * 1024];
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        if blake {
            b3.update(&buffer[..count]);
        } else {
            sha.update(&buffer[..count]);
        }
    }
    let bytes: [u8; 32] = if blake { *b3.finalize().as_bytes() } else { sha.finalize().into() };
    Ok(bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect())
}
