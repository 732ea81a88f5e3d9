//! Conv and MaxPool, from channels second to channels last.

use super::matrix::column_bias;
use super::{Lowering, Order, Value};
use crate::source::Node;
use waymodel::op::{Attributes, Conv, Window};
use waymodel::write::p16_bytes;
use waymodel::{DType, Dim, Layout, Opcode, Role, Shape};

impl<'g> Lowering<'g> {
    pub(super) fn conv(&mut self, index: usize, node: &'g Node, x: &Value) -> Result<(), String> {
        let (batch, [channels, height, width]) = picture(x)?;
        let constants = &self.graph.constants;
        let filter = node.input(1).and_then(|name| constants.get(name));
        let (Some(&[outputs, taps, kh, kw]), Some(values)) =
            (filter.and_then(|f| f.dims.first_chunk()), filter.and_then(|f| f.f32s()))
        else {
            return Err("its filter must be a constant of four dimensions".into());
        };
        let window = window(node, [kh, kw])?;
        let dilation = pair(node, "dilations")?;
        let groups = u16::try_from(node.int("group", 1)).map_err(|_| "group is out of range")?;
        if taps * usize::from(groups) != channels as usize || groups == 0 {
            return Err("its filter and groups don't fit the input's channels".into());
        }
        if groups > 1 && !outputs.is_multiple_of(16 * usize::from(groups)) {
            return Err("with groups, each must have a multiple of 16 outputs".into());
        }
        let bias = match node.input(2).map(|name| constants.get(name)) {
            Some(Some(bias)) => Some(column_bias(bias, outputs)?),
            Some(None) => return Err("its bias must be a constant".into()),
            None => None,
        };
        let [h, w] = output_size([height, width], &window, dilation)?;
        let shape = Shape::new(&[outputs, kh, kw, taps].map(|d| Dim::fixed(d as u32)));
        let data = p16_bytes(outputs, kh * kw * taps, &channels_last(values, outputs, taps, kh * kw));
        let name = node.input(1).map_or_else(|| format!("filter{index}"), String::from);
        let mut inputs = vec![x.tensor, self.add_tensor(&name, DType::F32, Role::Weight, Layout::P16, shape, data)];
        if let Some(bias) = bias {
            inputs.push(self.add_bias(&format!("{}.bias", node.name), &bias));
        }
        let (act, output) = self.take_relu(node);
        let dims = vec![batch, Dim::fixed(outputs as u32), Dim::fixed(h), Dim::fixed(w)];
        let out = self.add_value(output, output, Role::Temporary, dims, Order::ChannelsLast);
        let attributes = Attributes::Conv(Conv { window, dilation, groups, act });
        self.add_op(&node.name, Opcode::Conv2d, attributes, inputs, out);
        Ok(())
    }

    pub(super) fn max_pool(&mut self, node: &'g Node, x: &Value) -> Result<(), String> {
        let (batch, [channels, height, width]) = picture(x)?;
        let Some(&[kh, kw]) = node.ints("kernel_shape").and_then(|k| k.as_array()) else {
            return Err("kernel_shape must have two numbers".into());
        };
        if node.int("ceil_mode", 0) != 0 || pair(node, "dilations")? != [1, 1] {
            return Err("ceil_mode and dilations are not supported".into());
        }
        let window = window(node, [kh as usize, kw as usize])?;
        let [h, w] = output_size([height, width], &window, [1, 1])?;
        let output = node.outputs.first().map_or("", String::as_str);
        let dims = vec![batch, Dim::fixed(channels), Dim::fixed(h), Dim::fixed(w)];
        let out = self.add_value(output, output, Role::Temporary, dims, Order::ChannelsLast);
        self.add_op(&node.name, Opcode::MaxPool, Attributes::Pool(window), vec![x.tensor], out);
        Ok(())
    }
}

/// Batch, then channels, height and width as numbers.
fn picture(x: &Value) -> Result<(Dim, [u32; 3]), String> {
    let fixed = |i: usize| x.dims.get(i).and_then(|d| d.as_fixed()).unwrap_or(0);
    if x.order != Order::ChannelsLast || x.dims.len() != 4 || (1..4).any(|i| fixed(i) == 0) {
        return Err("its input must be a picture [B,C,H,W] with C, H and W fixed".into());
    }
    Ok((x.dims[0], [fixed(1), fixed(2), fixed(3)]))
}

/// Taps, steps and borders with ONNX's defaults.
fn window(node: &Node, size: [usize; 2]) -> Result<Window, String> {
    if node.text("auto_pad").is_some_and(|pad| pad != "NOTSET") {
        return Err("auto_pad is not supported, pads are".into());
    }
    if node.ints("kernel_shape").is_some_and(|k| k != size.map(|s| s as i64)) {
        return Err("kernel_shape is not the filter's".into());
    }
    let small = |n: i64| u16::try_from(n).map_err(|_| String::from("an attribute is out of range"));
    let pads = match node.ints("pads") {
        None => [0; 4],
        Some(&[top, left, bottom, right]) => [small(top)?, small(left)?, small(bottom)?, small(right)?],
        Some(_) => return Err("pads must have four numbers".into()),
    };
    let size = [small(size[0] as i64)?, small(size[1] as i64)?];
    if size.contains(&0) {
        return Err("the window is empty".into());
    }
    Ok(Window { size, stride: pair(node, "strides")?, pad: pads })
}

/// An attribute of two numbers ≥ 1, by default 1.
fn pair(node: &Node, name: &str) -> Result<[u16; 2], String> {
    let Some(values) = node.ints(name) else { return Ok([1, 1]) };
    let wrong = || format!("{name} must be two numbers from 1 to 65535");
    let &[a, b] = values else { return Err(wrong()) };
    match (u16::try_from(a), u16::try_from(b)) {
        (Ok(a), Ok(b)) if a > 0 && b > 0 => Ok([a, b]),
        _ => Err(wrong()),
    }
}

fn output_size(sides: [u32; 2], window: &Window, dilation: [u16; 2]) -> Result<[u32; 2], String> {
    let [top, left, bottom, right] = window.pad.map(u32::from);
    let size = |axis: usize, padding: u32| {
        let reach = u32::from(dilation[axis]) * (u32::from(window.size[axis]) - 1) + 1;
        let room = (sides[axis] + padding).checked_sub(reach);
        room.map(|room| room / u32::from(window.stride[axis]) + 1).ok_or("the window is larger than the input")
    };
    Ok([size(0, top + bottom)?, size(1, left + right)?])
}

/// `[N,C,taps]` to `[N,taps,C]`.
fn channels_last(values: &[f32], outputs: usize, channels: usize, taps: usize) -> Vec<f32> {
    let source = |n: usize, t: usize, c: usize| values[(n * channels + c) * taps + t];
    let places = (0..outputs).flat_map(|n| (0..taps).flat_map(move |t| (0..channels).map(move |c| (n, t, c))));
    places.map(|(n, t, c)| source(n, t, c)).collect()
}
