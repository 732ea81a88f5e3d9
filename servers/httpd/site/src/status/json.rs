//! The figures for programs: one JSON object (RFC 8259). Keys stay; new ones may be added.

use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt::Display;

use super::{Figures, units};

/// The figures as JSON.
pub fn json(figures: &Figures) -> String {
    let mut all = Object::new();
    all.add("uptime_ns", figures.uptime_ns);
    if let Some(utc) = figures.utc {
        all.add("utc_s", utc);
    }
    all.text("processor", &figures.processor);
    if let Some(system) = &figures.system {
        all.text("version", &system.version).add("boot_ns", system.boot_ns);
        all.add("cores", system.cores).add("cores_running", system.running);
        all.add("memory_total", system.ram_total).add("memory_free", system.ram_free);
    }
    all.add("httpd", traffic(figures));
    all.add("services", services(figures));
    all.add("processes", processes(figures));
    all.add("interfaces", interfaces(figures));
    let mut counters = Object::new();
    for counter in &figures.counters {
        counters.add(&counter.name, counter.value);
    }
    all.add("network", counters.end());
    all.end() + "\n"
}

fn traffic(figures: &Figures) -> String {
    let traffic = figures.traffic;
    let mut object = Object::new();
    object.add("open", traffic.open).add("most", traffic.most).add("connections", traffic.connections);
    object.add("good", traffic.good).add("client_errors", traffic.client_errors);
    object.add("server_errors", traffic.server_errors).add("timeouts", traffic.timeouts).add("bytes", traffic.bytes);
    object.end()
}

fn services(figures: &Figures) -> String {
    list(figures.services.iter().map(|service| {
        let mut object = Object::new();
        object.text("name", &service.name).add("process", service.process);
        object.text("state", units::service(service.state)).add("restarts", service.restarts);
        object.add("memory", u64::from(service.used) * 4096).text("provides", &service.provides);
        object.end()
    }))
}

fn processes(figures: &Figures) -> String {
    list(figures.processes.iter().map(|process| {
        let mut object = Object::new();
        object.add("number", process.number).add("parent", process.parent).text("name", &process.name);
        object.text("state", units::state(process.state)).add("level", process.level);
        object.add("priority", process.priority).add("threads", process.threads).add("handles", process.handles);
        object.add("memory", u64::from(process.used) * 4096).add("memory_limit", u64::from(process.pages) * 4096);
        object.add("cpu_ns", process.cpu_ns).add("started_ns", process.started_ns);
        object.end()
    }))
}

fn interfaces(figures: &Figures) -> String {
    list(figures.interfaces.iter().map(|interface| {
        let mut object = Object::new();
        object.text("name", &interface.name);
        if let Some((address, prefix)) = interface.address {
            object.text("address", &format!("{address}/{prefix}"));
        }
        let keys = ["packets_in", "bytes_in", "packets_out", "bytes_out", "dropped"];
        for (key, value) in keys.into_iter().zip(interface.traffic) {
            object.add(key, value);
        }
        object.end()
    }))
}

fn list(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}

/// An object under construction.
struct Object(String);

impl Object {
    fn new() -> Object {
        Object(String::from("{"))
    }

    /// A member whose value is JSON already: a number, a list, an object.
    fn add(&mut self, key: &str, value: impl Display) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0 += &format!("{}:{value}", quoted(key));
        self
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        let value = quoted(value);
        self.add(key, value)
    }

    fn end(&mut self) -> String {
        core::mem::take(&mut self.0) + "}"
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.to_string() + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_whatever_they_say() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}ä"), "\"a\\\"b\\\\c\\u000a\\u007fä\"");
        let mut object = Object::new();
        assert_eq!(object.add("n", 1).text("t", "x").end(), "{\"n\":1,\"t\":\"x\"}");
        assert_eq!(Object::new().end(), "{}");
    }
}
