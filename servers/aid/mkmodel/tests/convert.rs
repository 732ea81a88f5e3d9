//! Conversions: random graphs against the f64 evaluator, what is refused and how, and the command line.

use mkmodel::cli::{self, Command, Wrong};
use mkmodel::proto::{
    AttributeProto, DimensionProto, DimensionValue, FLOAT, GraphProto, INT64, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use mkmodel::{Options, convert};
use prost::Message;
use waymodel::manifest::Kind;
use waymodel::{Model, Opcode};

/// An ONNX model in the making: every node takes the value before it.
struct Source {
    graph: GraphProto,
    opset: i64,
    last: String,
    seed: u64,
}

impl Source {
    /// A model with one f32 input `x` of these dimensions behind a free batch.
    fn new(dims: &[i64]) -> Self {
        let dim = |value| DimensionProto { value: Some(value) };
        let mut shape = vec![dim(DimensionValue::Param("batch".into()))];
        shape.extend(dims.iter().map(|&d| dim(DimensionValue::Value(d))));
        let tensor = TensorTypeProto { elem_type: FLOAT, shape: Some(TensorShapeProto { dim: shape }) };
        let input = ValueInfoProto { name: "x".into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) };
        let graph = GraphProto { input: vec![input], ..GraphProto::default() };
        Self { graph, opset: 17, last: "x".into(), seed: 1 }
    }

    /// Adds a constant of random values; gives its name.
    fn weights(&mut self, dims: &[i64], scale: f32) -> String {
        let count: i64 = dims.iter().product();
        let values = (0..count).map(|_| self.random() * scale).flat_map(f32::to_le_bytes).collect();
        let name = format!("w{}", self.graph.initializer.len());
        let tensor = TensorProto { dims: dims.to_vec(), data_type: FLOAT, raw_data: values, ..Default::default() };
        self.graph.initializer.push(TensorProto { name: name.clone(), ..tensor });
        name
    }

    fn shape(&mut self, values: &[i64]) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        let tensor = TensorProto { dims: vec![values.len() as i64], data_type: INT64, ..Default::default() };
        self.graph.initializer.push(TensorProto { name: name.clone(), int64_data: values.to_vec(), ..tensor });
        name
    }

    fn node(&mut self, op: &str, constants: &[String], attributes: Vec<AttributeProto>) -> &mut Self {
        let mut input = vec![self.last.clone()];
        input.extend(constants.iter().cloned());
        let name = format!("{}{}", op.to_lowercase(), self.graph.node.len());
        self.last = format!("{name}:out");
        let output = vec![self.last.clone()];
        let node = NodeProto { input, output, name, op_type: op.into(), attribute: attributes, ..Default::default() };
        self.graph.node.push(node);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let output = ValueInfoProto { name: self.last.clone(), r#type: None };
        let graph = GraphProto { output: vec![output], ..self.graph.clone() };
        let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: self.opset }];
        ModelProto { ir_version: 8, graph: Some(graph), opset_import }.encode_to_vec()
    }

    fn convert(&self) -> Result<Vec<u8>, String> {
        convert(&self.bytes(), &Options::default()).map_err(|p| p.to_string())
    }

    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let z = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() % limit as u64) as i64
    }

    /// From −1 up to 1.
    fn random(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: 2, ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: values.to_vec(), r#type: 7, ..Default::default() }
}

/// A random convolutional net: pictures of several channels, any window, then rows.
fn random_net(seed: u64) -> Source {
    let mut dice = Source { seed, ..Source::new(&[]) };
    let (mut c, mut h, mut w) = (1 + dice.below(4), 3 + dice.below(7), 3 + dice.below(7));
    let mut net = Source { seed: seed + 1, ..Source::new(&[c, h, w]) };
    for _ in 0..dice.below(3) {
        let outputs = 1 + dice.below(20);
        let (kh, kw) = (1 + dice.below(h.min(3)), 1 + dice.below(w.min(3)));
        let pads = [0; 4].map(|_: i64| dice.below(2));
        let strides = [1 + dice.below(2), 1 + dice.below(2)];
        let mut constants = vec![net.weights(&[outputs, c, kh, kw], 0.3)];
        if dice.below(2) == 0 {
            constants.push(net.weights(&[outputs], 1.0));
        }
        net.node(
            "Conv",
            &constants,
            vec![ints("kernel_shape", &[kh, kw]), ints("pads", &pads), ints("strides", &strides)],
        );
        (c, h, w) =
            (outputs, (h + pads[0] + pads[2] - kh) / strides[0] + 1, (w + pads[1] + pads[3] - kw) / strides[1] + 1);
        if dice.below(2) == 0 {
            net.node("Relu", &[], vec![]);
        }
        if h >= 2 && w >= 2 && dice.below(2) == 0 {
            net.node("MaxPool", &[], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 1])]);
            (h, w) = ((h - 2) / 2 + 1, w - 1);
        }
    }
    let mut columns = c * h * w;
    if dice.below(2) == 0 {
        net.node("Flatten", &[], vec![int("axis", 1)]);
    } else {
        let shape = net.shape(&[[0, -1], [-1, columns]][dice.below(2) as usize]);
        net.node("Reshape", &[shape], vec![]);
    }
    for _ in 0..1 + dice.below(3) {
        let rows = 1 + dice.below(40);
        let scale = 1.0 / (columns as f32).sqrt();
        match dice.below(3) {
            0 => {
                let constants = [net.weights(&[rows, columns], scale), net.weights(&[rows], 1.0)];
                net.node("Gemm", &constants, vec![int("transB", 1)]);
            }
            1 => {
                let constants = [net.weights(&[columns, rows], scale), net.weights(&[1, rows], 1.0)];
                net.node("Gemm", &constants, vec![]);
            }
            _ => {
                let matrix = net.weights(&[columns, rows], scale);
                let bias = net.weights(&[rows], 1.0);
                net.node("MatMul", &[matrix], vec![]).node("Add", &[bias], vec![]);
            }
        }
        if dice.below(2) == 0 {
            net.node("Relu", &[], vec![]);
        }
        columns = rows;
    }
    match dice.below(3) {
        0 => drop(net.node("Softmax", &[], vec![int("axis", -1)])),
        1 => drop(net.node("Identity", &[], vec![])),
        _ => {}
    }
    net
}

/// A conversion ends by running known answers from the f64 evaluator, so that `Ok` means the nets agree.
#[test]
fn random_nets_convert_load_and_agree_with_the_evaluator() {
    for seed in 0..500 {
        let net = random_net(3 * seed);
        let file = net.convert().unwrap_or_else(|e| panic!("net {seed}: {e}"));
        let model = Model::load(&file[..]).unwrap();
        assert_eq!(model.test_count(), 3);
        assert!(model.graph().iter().all(|op| op.code != Opcode::Relu), "every Relu behind a sum is fused");
    }
}

#[test]
fn pictures_come_out_channels_last() {
    let mut net = Source::new(&[2, 3, 3]);
    let filter = net.weights(&[4, 2, 1, 1], 1.0);
    net.node("Conv", &[filter], vec![]);
    let file = net.convert().unwrap();
    let model = Model::load(&file[..]).unwrap();
    let text = mkmodel::show::info(&model);
    assert!(text.contains("input      x f32 [B,3,3,2]") && text.contains(" f32 [B,3,3,4]"), "{text}");
}

#[test]
fn all_problems_come_at_once() {
    let mut net = Source::new(&[8]);
    net.node("Erf", &[], vec![]).node("Gelu", &[], vec![]);
    let matrix = net.weights(&[8, 4], 1.0);
    net.last = "x".into();
    net.node("Gemm", &[matrix], vec![int("transA", 1)]);
    let end = net.last.clone();
    net.last = "gelu1:out".into();
    net.node("Erf", &[], vec![]);
    net.node("Concat", &[end], vec![int("axis", 1)]);
    assert_eq!(
        net.convert().unwrap_err(),
        "5 of 5 nodes can't be converted:\n  \
         Concat: 1, the first is \"concat4\": this operator is not supported yet\n  \
         Erf: 2, the first is \"erf0\": this operator is not supported yet\n  \
         Gelu: 1, the first is \"gelu1\": this operator is not supported yet\n  \
         Gemm: 1, the first is \"gemm2\": only alpha = beta = 1 without transA is supported"
    );
}

#[test]
fn files_that_are_no_models_are_refused() {
    let error = |bytes: &[u8]| convert(bytes, &Options::default()).unwrap_err().to_string();
    assert!(error(b"hello, this is text").starts_with("no ONNX model"));
    assert!(error(b"").contains("without an opset"));
    let mut old = Source::new(&[4]);
    old.opset = 12;
    old.node("Relu", &[], vec![]);
    assert_eq!(old.convert().unwrap_err(), "opset 12, 13 to 21 are known");
    let mut infinite = Source::new(&[4]);
    let matrix = infinite.weights(&[4, 4], f32::INFINITY);
    infinite.node("MatMul", &[matrix], vec![]);
    assert!(infinite.convert().unwrap_err().contains("infinite values or NaN"));
    let mut outside = Source::new(&[4]);
    let matrix = outside.weights(&[4, 4], 1.0);
    outside.graph.initializer[0].data_location = 1;
    outside.node("MatMul", &[matrix], vec![]);
    assert!(outside.convert().unwrap_err().contains("in another file"));
    let mut short = Source::new(&[4]);
    let matrix = short.weights(&[4, 4], 1.0);
    short.graph.initializer[0].dims = vec![4, 5];
    short.node("MatMul", &[matrix], vec![]);
    assert!(short.convert().unwrap_err().contains("16 values, its dimensions say 20"));
}

#[test]
fn mutated_sources_never_panic() {
    let seed = random_net(12).bytes();
    let mut random = Source::new(&[]);
    let mut converted = 0;
    for _ in 0..3_000 {
        let mut bytes = seed.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len() as i64) as usize;
            bytes[at] = random.next() as u8;
        }
        converted += u32::from(convert(&bytes, &Options::default()).is_ok());
    }
    assert!(converted > 0, "some mutations only change weights");
}

#[test]
fn a_classifier_gets_probabilities_classes_and_labels() {
    let mut net = Source::new(&[6]);
    let matrix = net.weights(&[6, 3], 1.0);
    net.node("MatMul", &[matrix], vec![]).node("Softmax", &[], vec![int("axis", 1)]);
    let options = Options { kind: Kind::Classify, batch: 2, ..Options::default() };
    let file = convert(&net.bytes(), &options).unwrap();
    let model = Model::load(&file[..]).unwrap();
    let codes: Vec<Opcode> = model.graph().iter().map(|op| op.code).collect();
    assert_eq!(codes, [Opcode::Linear, Opcode::Softmax, Opcode::ArgMax], "the source's own Softmax is not doubled");
    assert_eq!(model.manifest().labels.iter().collect::<Vec<_>>(), ["0", "1", "2"]);
    let wrong = Options { labels: vec!["a".into()], ..options };
    let error = convert(&net.bytes(), &wrong).unwrap_err().to_string();
    assert!(error.contains("rule 22") && error.contains("a label for each"), "{error}");
}

#[test]
fn the_command_line_is_understood_or_the_usage_shown() {
    let parse = |line: &str| cli::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>());
    let line = "convert a/b.onnx -o c/My-Net.waymodel --kind classify --image 8x8x1:2:-1 --max B=7 --labels x,y";
    let Ok(Command::Convert(convert)) = parse(line) else { panic!("a conversion") };
    assert_eq!((convert.options.name.as_str(), convert.options.source.as_str()), ("my-net", "b.onnx"));
    assert_eq!((convert.options.batch, convert.options.labels.len()), (7, 2));
    for line in ["", "convert", "convert a", "convert a -o", "convert a b -o c", "frob a", "info", "info a b"] {
        assert!(matches!(parse(line), Err(Wrong::Usage(_))), "{line}");
    }
    for option in ["--max B=65", "--max 3", "--image 8x8", "--image 8x8x1:2", "--kind song", "--quant q9", "--what"] {
        assert!(matches!(parse(&format!("convert a -o b {option}")), Err(Wrong::Usage(_))), "{option}");
    }
    for line in ["sign a b", "report a", "convert a -o b --quant q8_0", "convert a -o b --sign key"] {
        assert!(matches!(parse(line), Err(Wrong::Later(text)) if text.starts_with("Unsupported")), "{line}");
    }
}
