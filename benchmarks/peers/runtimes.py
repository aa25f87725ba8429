"""Embedding with a ViT-B/16 in ONNX Runtime and OpenVINO: python runtimes.py THREADS

Both run the same ONNX model, written here with random weights; OpenVINO with its latency hint, in f32 and in bf16.
"""

import sys

import numpy
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from peer import serve

WIDTH, LAYERS, HEADS, SIDE, PATCH = 768, 12, 12, 224, 16
PATCHES = (SIDE // PATCH) ** 2
TOKENS = PATCHES + 1
THREADS = int(sys.argv[1])


class Graph:
    """A graph that grows node by node; each returns its output's name."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.draw = numpy.random.default_rng(1)

    def node(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def random(self, *shape):
        return self.constant((0.02 * self.draw.standard_normal(shape)).astype(numpy.float32))

    def shape(self, *shape):
        return self.constant(numpy.array(shape, dtype=numpy.int64))

    def linear(self, x, inputs, outputs):
        return self.node("Add", self.node("MatMul", x, self.random(inputs, outputs)), self.random(outputs))

    def norm(self, x):
        ones, zeros = (self.constant(of(WIDTH, dtype=numpy.float32)) for of in (numpy.ones, numpy.zeros))
        return self.node("LayerNormalization", x, ones, zeros, axis=-1, epsilon=1e-6)

    def attention(self, x, batch):
        qkv = self.node("Reshape", self.linear(x, WIDTH, 3 * WIDTH), self.shape(batch, TOKENS, 3, HEADS, -1))
        part = lambda at, order: self.node(
            "Transpose", self.node("Gather", qkv, self.constant(numpy.int64(at)), axis=2), perm=order
        )
        q, k, v = part(0, [0, 2, 1, 3]), part(1, [0, 2, 3, 1]), part(2, [0, 2, 1, 3])
        scale = self.constant(numpy.float32((WIDTH // HEADS) ** -0.5))
        scores = self.node("Softmax", self.node("Mul", self.node("MatMul", q, k), scale), axis=-1)
        attended = self.node("Transpose", self.node("MatMul", scores, v), perm=[0, 2, 1, 3])
        attended = self.node("Reshape", attended, self.shape(batch, TOKENS, WIDTH))
        return self.linear(attended, WIDTH, WIDTH)


def model(batch):
    """A ViT-B/16 for `batch` images, as bytes."""
    graph = Graph()
    patches = graph.node(
        "Conv", "images", graph.random(WIDTH, 3, PATCH, PATCH), graph.random(WIDTH), strides=[PATCH, PATCH]
    )
    patches = graph.node("Reshape", patches, graph.shape(batch, WIDTH, PATCHES))
    patches = graph.node("Transpose", patches, perm=[0, 2, 1])
    token = graph.node("Expand", graph.random(1, 1, WIDTH), graph.shape(batch, 1, WIDTH))
    tokens = graph.node("Add", graph.node("Concat", token, patches, axis=1), graph.random(1, TOKENS, WIDTH))
    for _ in range(LAYERS):
        tokens = graph.node("Add", tokens, graph.attention(graph.norm(tokens), batch))
        hidden = graph.node("Gelu", graph.linear(graph.norm(tokens), WIDTH, 4 * WIDTH))
        tokens = graph.node("Add", tokens, graph.linear(hidden, 4 * WIDTH, WIDTH))
    embedding = graph.node("Gather", graph.norm(tokens), graph.constant(numpy.int64(0)), axis=1)
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    result = helper.make_tensor_value_info(embedding, TensorProto.FLOAT, [batch, WIDTH])
    whole = helper.make_graph(graph.nodes, "vit", [image], [result], graph.weights)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def onnx_runtime(batch, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model(batch), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"images": images})[0].size


def open_vino(batch, images, precision):
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": THREADS,
    }
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model(batch)), "CPU", settings)
    return lambda: compiled(images)[0].size


def ways(batch, name):
    images = numpy.random.default_rng(2).random((batch, 3, SIDE, SIDE), dtype=numpy.float32)
    of_openvino = {f"OpenVINO {name}": Lazily(lambda: open_vino(batch, images, name))}
    return of_openvino | ({"ONNX Runtime f32": Lazily(lambda: onnx_runtime(batch, images))} if name == "f32" else {})


class Lazily:
    """Compiles its model when it is first run, which is the warm-up: all at once would not fit into memory."""

    def __init__(self, compile):
        self.compile, self.run = compile, None

    def __call__(self):
        if self.run is None:
            self.run = self.compile()
        return self.run()


serve(
    f"ONNX Runtime {onnxruntime.__version__}, OpenVINO {openvino.__version__.split('-')[0]}",
    {f"{name} {batch}": ways(batch, name) for name in ("f32", "bf16") for batch in (1, 8, 32)},
)
