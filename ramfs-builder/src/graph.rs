//! The authority graph of a manifest: who reaches what, directly and through others.

use archive::manifest::Manifest;
use std::collections::BTreeSet;
use std::fmt;

/// Something a process may hold or call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// It calls that server, by that name.
    Server(String, String),
    /// It drives that device.
    Device(&'static str),
    /// It holds that root object.
    Root(String),
    /// It has that right on its `process` channel.
    Right(String),
}

/// One line of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The server.
    pub name: String,
    /// Its level.
    pub level: u8,
    /// What it reaches without asking anyone else.
    pub reaches: BTreeSet<Target>,
}

/// The whole graph, by level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph(pub Vec<Node>);

impl Graph {
    /// The graph of a manifest.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let node = |server: &archive::manifest::Server| {
            let mut reaches = BTreeSet::new();
            for need in &server.needs {
                for provider in manifest.services_of(&need.name).filter_map(|s| manifest.provider(s)) {
                    reaches.insert(Target::Server(provider.name.clone(), need.name.clone()));
                }
            }
            for device in &server.devices {
                reaches.insert(Target::Device(device.kind.name()));
                if let Some(devd) = manifest.provider("device") {
                    reaches.insert(Target::Server(devd.name.clone(), "device".into()));
                }
            }
            reaches.extend(server.holds.iter().map(|r| Target::Root(format!("{r:?}").to_lowercase())));
            reaches.extend(server.rights.iter().map(|r| Target::Right(format!("{r:?}").to_lowercase())));
            Node { name: server.name.clone(), level: server.level, reaches }
        };
        Self(manifest.servers.iter().map(node).collect())
    }

    /// Names of the servers that drive a device themselves.
    #[must_use]
    pub fn drivers_of(&self, device: &str) -> Vec<&str> {
        let drives = |n: &&Node| n.reaches.iter().any(|t| matches!(t, Target::Device(d) if *d == device));
        self.0.iter().filter(drives).map(|n| n.name.as_str()).collect()
    }

    /// Calls that do not go to a lower level, as (caller, callee).
    #[must_use]
    pub fn uphill(&self) -> Vec<(&str, &str)> {
        let level = |name: &str| self.0.iter().find(|n| n.name == name).map_or(u8::MAX, |n| n.level);
        let mut found = Vec::new();
        for node in &self.0 {
            for target in &node.reaches {
                if let Target::Server(callee, _) = target
                    && level(callee) >= node.level
                {
                    found.push((node.name.as_str(), callee.as_str()));
                }
            }
        }
        found
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.0 {
            writeln!(f, "{} {}", node.level, node.name)?;
            for target in &node.reaches {
                match target {
                    Target::Server(server, name) => writeln!(f, "    calls {server} as {name}")?,
                    Target::Device(device) => writeln!(f, "    drives {device}")?,
                    Target::Root(root) => writeln!(f, "    holds {root}")?,
                    Target::Right(right) => writeln!(f, "    may {right}")?,
                }
            }
        }
        Ok(())
    }
}
