//! What a manifest must be like. Each rule is one function; each problem says what would be right.

use crate::Problem;
use archive::manifest::{
    DeviceKind, MAX_NAMES, MAX_NARROWING, MAX_NARROWINGS, MAX_PROGRAMS, MAX_SERVERS, Manifest, PAGED_LEVEL, Root,
    SHELL_LEVEL, Server,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bindings of one name, at most (`contracts.md` §13).
const MAX_BINDINGS: usize = 8;
/// DMA memory of one device, at most: 4 MiB.
const MAX_DMA_PAGES: u32 = 1024;
/// Of each core, what may be given to real-time programs, in per cent: the kernel's limit.
const MAX_REALTIME: u32 = 90;
/// A server needs at least this much to hold its program's data, stack and tables.
const MIN_POOL_PAGES: u32 = 64;
/// init's level; it calls nobody.
const INIT_LEVEL: u8 = 1;

/// All that is wrong with a manifest.
#[must_use]
pub fn check(manifest: &Manifest) -> Vec<Problem> {
    let mut problems = Problems(Vec::new());
    limits(manifest, &mut problems);
    unique(manifest, &mut problems);
    for server in &manifest.servers {
        one_server(server, &mut problems);
        needs(manifest, server, &mut problems);
    }
    bindings(manifest, &mut problems);
    single_owners(manifest, &mut problems);
    problems.0
}

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, text: String) {
        self.0.push(Problem(text));
    }
}

fn limits(manifest: &Manifest, problems: &mut Problems) {
    let reserved: u32 = manifest.servers.iter().map(|server| u32::from(server.realtime)).sum();
    if reserved > MAX_REALTIME {
        problems.add(format!("{reserved} % of each core in real time; the limit is {MAX_REALTIME}"));
    }
    for (what, count, limit) in [
        ("servers", manifest.servers.len(), MAX_SERVERS),
        ("names", manifest.names.len(), MAX_NAMES),
        ("programs", manifest.programs.len(), MAX_PROGRAMS),
    ] {
        if count > limit {
            problems.add(format!("{count} {what}: the limit is {limit}"));
        }
    }
}

/// Names of servers, services and images are said once, whatever their case.
fn unique(manifest: &Manifest, problems: &mut Problems) {
    let servers = manifest.servers.iter().map(|s| s.name.as_str());
    let services = manifest.servers.iter().flat_map(|s| &s.provides).map(String::as_str);
    let images = manifest.servers.iter().map(|s| s.image.as_str());
    let images = images.chain(manifest.programs.iter().flat_map(|p| &p.images).map(String::as_str));
    twice("server", servers, problems);
    twice("service", services, problems);
    twice("image", images, problems);
    for binding in &manifest.names {
        if binding.name.contains(':') {
            problems.add(format!("name {}: names stand here without their colons", binding.name));
        }
        if manifest.provider(&binding.name).is_some() {
            problems.add(format!("name {}: a service has that name already", binding.name));
        }
    }
    for program in &manifest.programs {
        if program.images.is_empty() {
            problems.add(format!("program {}: it has no images; name at least one, such as C/{0}", program.binary));
        }
        for image in &program.images {
            image_name(&format!("program {}", program.binary), image, problems);
        }
    }
}

fn twice<'a>(what: &str, names: impl Iterator<Item = &'a str>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.to_ascii_lowercase()) {
            problems.add(format!("{what} {name}: there are two of that name"));
        }
    }
}

fn image_name(whose: &str, image: &str, problems: &mut Problems) {
    if !archive::name::check(image) {
        problems.add(format!("{whose}: \"{image}\" is no path in the archive; write it like C/echo"));
    }
}

fn one_server(server: &Server, problems: &mut Problems) {
    let name = &server.name;
    image_name(&format!("server {name}"), &server.image, problems);
    if server.level <= INIT_LEVEL || server.level > SHELL_LEVEL {
        problems.add(format!("server {name}: level {} is not one of 2 to {SHELL_LEVEL}", server.level));
    }
    if server.holds.contains(&Root::Faults) && server.level >= PAGED_LEVEL {
        let level = PAGED_LEVEL - 1;
        problems.add(format!(
            "server {name}: who repairs the faults of level {PAGED_LEVEL} and above stands at {level} or below"
        ));
    }
    if server.pages < MIN_POOL_PAGES {
        problems.add(format!("server {name}: a pool of {} pages; {MIN_POOL_PAGES} is the least", server.pages));
    }
    for device in &server.devices {
        if device.dma_pages > MAX_DMA_PAGES {
            let kind = device.kind.name();
            problems.add(format!("server {name}: {kind} has {} DMA pages; the limit is 1024", device.dma_pages));
        }
    }
    if server.class == archive::manifest::Class::RealTime {
        problems.add(format!("server {name}: the class real-time needs a CPU budget, which no server has"));
    }
    for need in &server.needs {
        narrowings(&format!("server {name}, need {}", need.name), &need.narrow, problems);
    }
}

fn narrowings(whose: &str, narrow: &[String], problems: &mut Problems) {
    if narrow.len() > MAX_NARROWINGS {
        problems.add(format!("{whose}: {} narrowings; the limit is {MAX_NARROWINGS}", narrow.len()));
    }
    for text in narrow.iter().filter(|t| t.len() > MAX_NARROWING) {
        problems.add(format!("{whose}: the narrowing \"{text}\" is longer than {MAX_NARROWING} bytes"));
    }
}

/// Every name a server needs exists, and its provider stands on a lower level.
fn needs(manifest: &Manifest, server: &Server, problems: &mut Problems) {
    let mut called: Vec<(&str, &str)> = Vec::new();
    for need in &server.needs {
        let services: Vec<&str> = manifest.services_of(&need.name).collect();
        if services.is_empty() {
            problems.add(format!(
                "server {}: it needs {}, which no server provides and no [[name]] binds",
                server.name, need.name
            ));
        }
        called.extend(services.into_iter().map(|service| (need.name.as_str(), service)));
    }
    if !server.devices.is_empty() {
        if manifest.provider("device").is_none() {
            problems.add(format!("server {}: it has devices, and no server provides \"device\"", server.name));
        }
        called.push(("devices", "device"));
    }
    for (need, service) in called {
        let Some(provider) = manifest.provider(service) else { continue };
        if provider.level >= server.level {
            problems.add(format!(
                "server {} (level {}): its need {need} calls {} (level {}) uphill; calls go to lower levels only",
                server.name, server.level, provider.name, provider.level
            ));
        }
    }
}

fn bindings(manifest: &Manifest, problems: &mut Problems) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for binding in &manifest.names {
        if manifest.provider(&binding.service).is_none() {
            problems.add(format!("name {}: no server provides {}", binding.name, binding.service));
        }
        narrowings(&format!("name {}", binding.name), &binding.narrow, problems);
        *counts.entry(binding.name.to_ascii_lowercase()).or_default() += 1;
    }
    for (name, count) in counts.into_iter().filter(|(_, n)| *n > MAX_BINDINGS) {
        problems.add(format!("name {name}: {count} bindings; the limit is {MAX_BINDINGS}"));
    }
}

/// A device kind and a root object belong to one server.
fn single_owners(manifest: &Manifest, problems: &mut Problems) {
    let mut devices: BTreeMap<DeviceKind, &str> = BTreeMap::new();
    let mut roots: BTreeMap<Root, &str> = BTreeMap::new();
    for server in &manifest.servers {
        for device in &server.devices {
            if let Some(other) = devices.insert(device.kind, &server.name) {
                let kind = device.kind.name();
                problems.add(format!("{kind} is given to both {other} and {}; a device has one driver", server.name));
            }
        }
        for &root in &server.holds {
            if let Some(other) = roots.insert(root, &server.name) {
                problems.add(format!("{root:?} is given to both {other} and {}", server.name));
            }
        }
    }
}
