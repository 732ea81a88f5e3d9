//! Columns as wide as their widest text.

use alloc::{string::String, vec::Vec};

use libsys::println;

/// Rows of texts; the first is the heading.
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// With a heading.
    pub fn new(heading: &[&str]) -> Table {
        let mut table = Table(Vec::new());
        table.add(heading.iter().map(|text| (*text).into()).collect());
        table
    }

    /// A row.
    pub fn add(&mut self, row: Vec<String>) {
        self.0.push(row);
    }

    /// To standard output.
    pub fn print(&self) {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.0.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.0 {
            let mut line = String::new();
            for (text, width) in row.iter().zip(&widths) {
                line.push_str(&alloc::format!("{text:<width$}  "));
            }
            println!("{}", line.trim_end());
        }
    }
}
