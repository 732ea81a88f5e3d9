//! Host tool: makes .waymodel files from ONNX.
#![forbid(unsafe_code)]

fn main() {}
