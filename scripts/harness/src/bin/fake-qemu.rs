//! A test double for QEMU: understands the options that the harness's contract needs, and plays the guest by the script in
//! `opt/viaether/exec`, a step a line:
//!
//! ```text
//! out TEXT   err TEXT   log TEXT   code N   raw HEX   hang   die   crash   show NAME (a fw_cfg entry, on stdout)   options
//! ```

#![forbid(unsafe_code)]

use harness::records::encode;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |start: &str| args.iter().find_map(|a| a.strip_prefix(start)).map(str::to_string);
    let entry = |name: &str| value(&format!("name=opt/viaether/{name},file="));
    let Some(mut records) = value("socket,id=records,path=").and_then(|p| UnixStream::connect(p).ok()) else {
        eprintln!("fake-qemu: no records");
        return ExitCode::FAILURE;
    };
    let script = entry("exec").and_then(|p| std::fs::read_to_string(p).ok()).unwrap_or_default();
    for line in script.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let record = match word {
            "out" => encode(1, format!("{rest}\n").as_bytes()),
            "err" => encode(2, format!("{rest}\n").as_bytes()),
            "code" => encode(3, &rest.parse().unwrap_or(u32::MAX).to_le_bytes()),
            "raw" => rest.split(' ').filter_map(|h| u8::from_str_radix(h, 16).ok()).collect(),
            "show" => encode(1, &entry(rest).and_then(|p| std::fs::read(p).ok()).unwrap_or_default()),
            "options" => encode(1, args.join(" ").as_bytes()),
            "log" => {
                println!("{rest}\r");
                continue;
            }
            "hang" => {
                let _ = std::io::stdout().flush();
                std::thread::sleep(Duration::from_secs(600));
                continue;
            }
            "crash" => std::process::abort(),
            _ => return ExitCode::FAILURE,
        };
        if records.write_all(&record).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
