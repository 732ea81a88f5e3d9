//! What `info` prints.

use waymodel::Model;
use waymodel::manifest::{Manifest, Port, Pre};

/// A model in lines, as people read it.
pub fn info<B>(model: &Model<B>) -> String {
    let manifest = model.manifest();
    let totals = model.totals();
    let mut lines = vec![
        format!("name       {} {}", manifest.name, manifest.version),
        format!("root       {}", hex(model.root())),
        format!("signed     {}", model.signer().map_or("no".into(), |key| hex(key))),
        format!("kind       {}", manifest.kind.name()),
        format!("weights    {}, {} bytes", manifest.quant.name(), totals.data),
        format!("memory     arena {} bytes, state {} bytes", totals.arena, totals.state),
        format!("licence    {}", manifest.licence),
        format!("source     {} (SHA-256 {})", manifest.source, hex(&manifest.source_sha256)),
        format!("converter  {}", manifest.converter),
    ];
    lines.extend(manifest.symbols.iter().map(|s| format!("symbol     {} {} to {}", s.name, s.min, s.max)));
    lines.extend(manifest.inputs.iter().map(|port| format!("input      {}", port_text(model, manifest, port))));
    lines.extend(manifest.outputs.iter().map(|port| format!("output     {}", port_text(model, manifest, port))));
    if let Pre::Image { width, height, channels, scale, bias, .. } = manifest.pre {
        lines.push(format!("picture    {width}x{height}x{channels}, times {scale}, plus {bias}"));
    }
    if !manifest.labels.is_empty() {
        lines.push(format!("labels     {}", manifest.labels.iter().collect::<Vec<_>>().join(" ")));
    }
    lines.push(format!("graph      {} ops, {} tensors", model.graph().len(), model.tensors().len()));
    for (index, op) in model.graph().iter().enumerate() {
        let shape = model.tensor(op.output()).map_or(String::new(), |t| t.shape.display(&manifest.symbols).to_string());
        lines.push(format!("  {index:3}  {:9} {} -> {shape}", format!("{:?}", op.code), op.name.get(model.strings())));
    }
    lines.push(format!("tests      {}", model.test_count()));
    lines.join("\n")
}

fn port_text<B>(model: &Model<B>, manifest: &Manifest, port: &Port) -> String {
    let Some(tensor) = model.tensor(port.tensor) else { return port.name.clone() };
    format!("{} {} {}", port.name, tensor.dtype.name(), tensor.shape.display(&manifest.symbols))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
