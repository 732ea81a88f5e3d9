"""Trains the digits MLP and CNN in NumPy, exports ONNX, and records what ONNX Runtime says about every digit.

Run it by scripts/models. Data: scikit-learn's copy of the UCI digits, 1,797 pictures of 8x8 samples from 0 to 16,
x = sample / 16; `default_rng(0).permutation` divides them into 1,437 for training and 360 for testing.
"""

import importlib.metadata
import pathlib
import struct
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

HERE = pathlib.Path(__file__).resolve().parent
TRAIN = 1437
SIDE = 8
CLASSES = 10
OPSET = 17
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


# Layers: each keeps what its backward pass needs, and gradients beside its parameters.


class Linear:
    def __init__(self, rng, inputs, outputs):
        self.w = (rng.standard_normal((outputs, inputs)) * np.sqrt(2 / inputs)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.w.T + self.b

    def backward(self, dy):
        self.grads = [dy.T @ self.x, dy.sum(0)]
        return dy @ self.w

    def params(self):
        return [self.w, self.b]


class Conv:
    """3x3 taps, stride 1, padding 1, channels second."""

    def __init__(self, rng, inputs, outputs):
        self.w = (rng.standard_normal((outputs, inputs, 3, 3)) * np.sqrt(2 / (9 * inputs))).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):
        n, c, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        taps = [padded[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)]
        self.patches = np.stack(taps, 2).reshape(n, c * 9, h * w)
        y = self.w.reshape(len(self.w), -1) @ self.patches + self.b[:, None]
        return y.reshape(n, -1, h, w)

    def backward(self, dy):
        n, c, h, w = dy.shape
        flat = dy.reshape(n, c, h * w)
        self.grads = [np.einsum("noh,nkh->ok", flat, self.patches).reshape(self.w.shape), flat.sum((0, 2))]
        dpatches = (self.w.reshape(c, -1).T @ flat).reshape(n, -1, 9, h, w)
        dx = np.zeros((n, dpatches.shape[1], h + 2, w + 2), np.float32)
        for tap in range(9):
            dx[:, :, tap // 3 : tap // 3 + h, tap % 3 : tap % 3 + w] += dpatches[:, :, tap]
        return dx[:, :, 1:-1, 1:-1]

    def params(self):
        return [self.w, self.b]


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask

    def params(self):
        return []


class Pool:
    """Greatest of 2x2."""

    def forward(self, x):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = blocks.max((3, 5))
        self.mask = blocks == y[:, :, :, None, :, None]
        return y

    def backward(self, dy):
        dx = self.mask * dy[:, :, :, None, :, None]
        n, c, h, _, w, _ = dx.shape
        return dx.reshape(n, c, 2 * h, 2 * w)

    def params(self):
        return []


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.shape)

    def params(self):
        return []


def mlp(rng):
    return [Linear(rng, 64, 64), Relu(), Linear(rng, 64, CLASSES)]


def cnn(rng):
    convolutions = [Conv(rng, 1, 16), Relu(), Conv(rng, 16, 32), Relu(), Pool()]
    return [*convolutions, Flatten(), Linear(rng, 512, 64), Relu(), Linear(rng, 64, CLASSES)]


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def unchanged(_rng, x):
    return x


def shifted(rng, x):
    """Pictures moved by up to half a sample and with a little noise: it keeps a small net from learning by heart."""
    pictures = x.reshape(-1, SIDE, SIDE)
    dy, dx = rng.uniform(-0.5, 0.5, (2, len(x), 1, 1)).astype(np.float32)
    for axis, d in ((1, dy), (2, dx)):
        ahead, behind = np.roll(pictures, 1, axis), np.roll(pictures, -1, axis)
        pictures = pictures * (1 - abs(d)) + np.where(d > 0, ahead, behind) * abs(d)
    noise = rng.standard_normal(pictures.shape).astype(np.float32) * 0.03
    return (pictures + noise).reshape(x.shape).astype(np.float32)


def train(layers, x, labels, epochs, change):
    """Adam with a falling step and decayed weights, batches of 32, each passed through `change` first."""
    rng = np.random.default_rng(2)
    params = [p for layer in layers for p in layer.params()]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    steps = epochs * (len(x) // 32)
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - 31, 32):
            step += 1
            batch = order[start : start + 32]
            logits = forward(layers, change(rng, x[batch]))
            e = np.exp(logits - logits.max(1, keepdims=True))
            grad = e / e.sum(1, keepdims=True)
            grad[np.arange(32), labels[batch]] -= 1
            grad = (grad / 32).astype(np.float32)
            for layer in reversed(layers):
                grad = layer.backward(grad)
            grads = [g for layer in layers if layer.params() for g in layer.grads]
            rate = 3e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for p, g, (m, v) in zip(params, grads, moments):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= (rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)).astype(np.float32)
                p -= (rate * 1e-2 * p if p.ndim > 1 else 0 * p).astype(np.float32)


def export(layers, name, shape):
    """The layers as an ONNX model with a free batch dimension."""
    nodes, weights, value = [], [], "image"
    for index, layer in enumerate(layers):
        out = "logits" if index == len(layers) - 1 else f"t{index}"
        label = f"{type(layer).__name__.lower()}{index}"
        inputs = [value]
        for suffix, array in zip(("weight", "bias"), layer.params()):
            inputs.append(f"{label}.{suffix}")
            weights.append(numpy_helper.from_array(array, inputs[-1]))
        kind, attributes = {
            Linear: ("Gemm", {"transB": 1}),
            Conv: ("Conv", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
            Relu: ("Relu", {}),
            Pool: ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
            Flatten: ("Flatten", {"axis": 1}),
        }[type(layer)]
        nodes.append(helper.make_node(kind, inputs, [out], label, **attributes))
        value = out
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
    graph = helper.make_graph(nodes, name, [image], [logits], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="viaether")
    onnx.checker.check_model(model)
    return model.SerializeToString()


def runtime_logits(model, x):
    """What ONNX Runtime computes, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"image": x})[0]


def data_set(pictures, labels):
    """The pictures and labels in the form that the samples module of waymodel reads."""
    head = b"SAMPLES1" + struct.pack("<HHBBHII", SIDE, SIDE, 16, CLASSES, 0, len(labels), 0)
    return head + b"".join(bytes(p) + bytes([label]) for p, label in zip(pictures, labels))


def pgm(picture, comment):
    rows = "\n".join(" ".join(f"{v:2}" for v in row) for row in picture.reshape(SIDE, SIDE))
    return f"P2\n# {comment}\n{SIDE} {SIDE}\n16\n{rows}\n"


def clearest(probabilities, labels, test):
    """For each digit the test picture that both models are surest of."""
    sure = np.min([p[np.arange(len(labels)), labels] for p in probabilities], 0)
    return [max((i for i in test if labels[i] == digit), key=lambda i: (sure[i], -i)) for digit in range(CLASSES)]


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def main():
    check = sys.argv[1:] == ["--check"]
    digits = load_digits()
    pictures, labels = digits.data.astype(np.uint8), digits.target
    x = (pictures / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    learn, test = order[:TRAIN], order[TRAIN:]
    results, worse = {}, False
    settings = (("mlp", mlp, [64], 2, 80, unchanged), ("cnn", cnn, [1, SIDE, SIDE], 1, 30, shifted))
    for name, build, shape, seed, epochs, change in settings:
        layers = build(np.random.default_rng(seed))
        inputs = x.reshape(-1, *shape)
        train(layers, inputs[learn], labels[learn], epochs, change)
        model = export(layers, f"digits-{name}", shape)
        logits = runtime_logits(model, inputs)
        right = int((logits[test].argmax(1) == labels[test]).sum())
        print(f"{name}: {right} of {len(test)} test pictures right ({right / len(test):.1%})", flush=True)
        results[name] = (model, logits)
        if check:
            kept = np.frombuffer((HERE / f"digits_{name}.logits").read_bytes(), "<f4").reshape(-1, CLASSES)
            before = int((kept[test].argmax(1) == labels[test]).sum())
            print(f"{name}: {before} right with the weights checked in", flush=True)
            worse |= right < before - 3 or right < 0.985 * len(test)
    if check:
        return int(worse)
    (HERE / "digits.samples").write_bytes(data_set(pictures, labels))
    for name, (model, logits) in results.items():
        (HERE / f"digits_{name}.onnx").write_bytes(model)
        (HERE / f"digits_{name}.logits").write_bytes(logits.astype("<f4").tobytes())
    chosen = clearest([softmax(logits) for _, logits in results.values()], labels, test)
    for digit, index in enumerate(chosen):
        text = pgm(pictures[index], f"A {NAMES[digit]}: picture {index} of the UCI digits, see NOTICE.")
        (HERE / "samples" / f"{NAMES[digit]}.pgm").write_text(text)
    versions = [f"{p} {importlib.metadata.version(p)}" for p in ("numpy", "scikit-learn", "onnx", "onnxruntime")]
    (HERE / "digits.versions").write_text("\n".join(versions) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
