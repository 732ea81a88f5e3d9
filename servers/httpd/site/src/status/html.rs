//! The figures for people. The page loads itself again every five seconds, without scripts.

use alloc::{format, string::String};

use http::HttpDate;
use http::server::escape_html;

use super::{Figures, units};

/// Rows of a table, at most; the JSON has all of them.
const MAX_ROWS: usize = 200;
const PAGE: u64 = 4096;

/// The figures as a page.
pub fn html(figures: &Figures) -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Viaether: status</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"refresh\" content=\"5\">\n<link rel=\"icon\" href=\"/icon.svg\">\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n\
         <header><a class=\"mark\" href=\"/\"><img src=\"/icon.svg\" alt=\"\" width=\"28\" height=\"28\">Viaether</a>\
         <nav><a href=\"/\">Home</a> <a href=\"/status\" aria-current=\"page\">Status</a> \
         <a href=\"/status.json\">JSON</a></nav></header>\n<main>\n<h1>Status</h1>\n",
    );
    page += &machine(figures);
    page += &web(figures);
    page += &services(figures);
    page += &processes(figures);
    page += &network(figures);
    page += "</main>\n</body>\n</html>\n";
    page
}

fn machine(figures: &Figures) -> String {
    let mut facts = String::new();
    if let Some(system) = &figures.system {
        let used = system.ram_total.saturating_sub(system.ram_free);
        let percent = used * 100 / system.ram_total.max(1);
        facts += &fact("Version", &escape_html(&system.version));
        facts +=
            &fact("Processor", &format!("{}, {} of {} cores run", figures.processor, system.running, system.cores));
        facts += &fact(
            "Memory",
            &format!(
                "{} free of {} <meter min=\"0\" max=\"100\" value=\"{percent}\">{percent} %</meter>",
                units::bytes(system.ram_free),
                units::bytes(system.ram_total)
            ),
        );
        facts += &fact("Start of the kernel", &units::seconds(system.boot_ns));
    }
    facts += &fact("Up for", &units::span(figures.uptime_ns));
    if let Some(utc) = figures.utc {
        facts += &fact("Time", &format!("{}", HttpDate(utc)));
    }
    format!("<dl class=\"facts\">\n{facts}</dl>\n")
}

fn web(figures: &Figures) -> String {
    let t = figures.traffic;
    let facts = [
        ("Connections", format!("{} now, {} at most, {} in all", t.open, t.most, t.connections)),
        ("Answers", format!("{} good, {} 4xx, {} 5xx", t.good, t.client_errors, t.server_errors)),
        ("Sent", units::bytes(t.bytes)),
        ("Timed out", format!("{}", t.timeouts)),
    ];
    let facts: String = facts.iter().map(|(name, text)| fact(name, text)).collect();
    format!("<h2>This server</h2>\n<dl class=\"facts\">\n{facts}</dl>\n")
}

fn services(figures: &Figures) -> String {
    let rows = figures.services.iter().map(|service| {
        let state = units::service(service.state);
        let process = if service.process == 0 { String::from("–") } else { format!("{}", service.process) };
        row(&[
            Cell::Text(&service.name),
            Cell::Number(&process),
            Cell::Text(state),
            Cell::Number(&format!("{}", service.restarts)),
            Cell::Number(&units::bytes(u64::from(service.used) * PAGE)),
            Cell::Text(&service.provides),
        ])
    });
    table("Services", &["Name", "#Process", "State", "#Restarts", "#Memory", "Provides"], rows)
}

fn processes(figures: &Figures) -> String {
    let rows = figures.processes.iter().map(|process| {
        row(&[
            Cell::Number(&format!("{}", process.number)),
            Cell::Text(&process.name),
            Cell::Text(units::state(process.state)),
            Cell::Number(&format!("{}", process.level)),
            Cell::Number(&format!("{}", process.priority)),
            Cell::Number(&format!("{}", process.threads)),
            Cell::Number(&format!("{}", process.handles)),
            Cell::Number(&units::bytes(u64::from(process.used) * PAGE)),
            Cell::Number(&units::seconds(process.cpu_ns)),
        ])
    });
    let heads = ["#Number", "Name", "State", "#Level", "#Priority", "#Threads", "#Handles", "#Memory", "#CPU"];
    table("Processes", &heads, rows)
}

fn network(figures: &Figures) -> String {
    let interfaces = figures.interfaces.iter().map(|interface| {
        let address = interface.address.map(|(address, prefix)| format!("{address}/{prefix}")).unwrap_or_default();
        let [packets_in, bytes_in, packets_out, bytes_out, dropped] = interface.traffic;
        row(&[
            Cell::Text(&interface.name),
            Cell::Text(&address),
            Cell::Number(&format!("{packets_in}")),
            Cell::Number(&units::bytes(bytes_in)),
            Cell::Number(&format!("{packets_out}")),
            Cell::Number(&units::bytes(bytes_out)),
            Cell::Number(&format!("{dropped}")),
        ])
    });
    let heads = ["Interface", "Address", "#Packets in", "#Bytes in", "#Packets out", "#Bytes out", "#Dropped"];
    let counters = figures
        .counters
        .iter()
        .map(|counter| row(&[Cell::Text(&counter.name), Cell::Number(&format!("{}", counter.value))]));
    table("Network", &heads, interfaces) + &table("Network counters", &["Counter", "#Value"], counters)
}

fn fact(name: &str, html: &str) -> String {
    format!("<div><dt>{name}</dt><dd>{html}</dd></div>\n")
}

enum Cell<'a> {
    Text(&'a str),
    Number(&'a str),
}

fn row(cells: &[Cell<'_>]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| match cell {
            Cell::Text(text) => format!("<td>{}</td>", escape_html(text)),
            Cell::Number(text) => format!("<td class=\"n\">{}</td>", escape_html(text)),
        })
        .collect();
    format!("<tr>{cells}</tr>\n")
}

/// A table; nothing at all without rows. A head that begins with `#` is one of numbers.
fn table(title: &str, heads: &[&str], rows: impl Iterator<Item = String>) -> String {
    let body: String = rows.take(MAX_ROWS).collect();
    if body.is_empty() {
        return String::new();
    }
    let heads: String = heads
        .iter()
        .map(|head| match head.strip_prefix('#') {
            Some(head) => format!("<th class=\"n\">{head}</th>"),
            None => format!("<th>{head}</th>"),
        })
        .collect();
    format!(
        "<h2>{title}</h2>\n<div class=\"wide\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n\
         </table></div>\n"
    )
}
