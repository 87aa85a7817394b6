#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inference of bench/'s models on ONNX Runtime. Forms: plain, a node for each layer; fused, experts, gates, towers and tables in
one product or look-up each. Graphs are written by onnx's helper, weights are random, all of the runtime's optimisations are on, and
inputs and outputs are bound to memory beforehand."""
from functools import partial

import harness
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FIELDS, ROWS, WIDTH = 26, 100000, 16


class Graph:
    """Nodes and weights, one after the other; every method gives its output's name."""

    def __init__(self, batch):
        self.batch, self.nodes, self.weights, self.random = batch, [], [], np.random.default_rng(1)

    def constant(self, value):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def uniform(self, *shape, bound):
        return self.constant(self.random.uniform(-bound, bound, shape).astype(np.float32))

    def shape(self, *sizes):
        return self.constant(np.array(sizes, np.int64))

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x, inputs, outputs, bias=True):
        w = self.uniform(outputs, inputs, bound=inputs ** -0.5)
        b = [self.constant(np.zeros(outputs, np.float32))] if bias else []
        return self.add("Gemm", x, w, *b, transB=1)

    def layer(self, x, inputs, outputs):
        return self.add("Relu", self.linear(x, inputs, outputs))

    def tower(self, x, inputs, units):
        return self.linear(self.layer(x, inputs, units), units, 1)

    def last_layers(self, h, tasks, units):
        """h: samples × (tasks · units), a task's values side by side; the last layer of each tower."""
        h = self.add("Reshape", h, self.shape(self.batch, tasks, units))
        h = self.add("Mul", h, self.uniform(tasks, units, bound=units ** -0.5))
        z = self.add("Add", self.add("ReduceSum", h, self.shape(2), keepdims=0), self.constant(np.zeros(tasks, np.float32)))
        return self.add("Split", z, self.shape(*[1] * tasks), outputs=tasks, axis=1)


def shared_bottom(g, x, inputs, tasks, fused):
    h = g.layer(g.layer(x, inputs, 512), 512, 256)
    if fused:
        return g.last_layers(g.layer(h, 256, 64 * tasks), tasks, 64)
    return [g.tower(h, 256, 64) for _ in range(tasks)]


def mmoe(g, x, units, fused):
    if not fused:
        experts = [g.add("Unsqueeze", g.layer(x, 499, units), g.shape(1)) for _ in range(8)]
        f = g.add("Concat", *experts, axis=1)
        z = []
        for _ in range(2):
            gate = g.add("Unsqueeze", g.add("Softmax", g.linear(x, 499, 8, bias=False), axis=1), g.shape(1))
            z.append(g.tower(g.add("Squeeze", g.add("MatMul", gate, f), g.shape(1)), units, 8))
        return z
    experts, gates = g.add("Split", g.linear(x, 499, 8 * units + 16), g.shape(8 * units, 16), outputs=2, axis=1)
    f = g.add("Reshape", g.add("Relu", experts), g.shape(g.batch, 8, units))
    gates = g.add("Softmax", g.add("Reshape", gates, g.shape(g.batch, 2, 8)), axis=2)
    mixed = g.add("Transpose", g.add("MatMul", gates, f), perm=[1, 0, 2])  # tasks × samples × units
    h = g.add("MatMul", mixed, g.uniform(2, units, 8, bound=units ** -0.5))
    h = g.add("Relu", g.add("Add", h, g.constant(np.zeros((2, 1, 8), np.float32))))
    z = g.add("ReduceSum", g.add("Mul", h, g.uniform(2, 1, 8, bound=8 ** -0.5)), g.shape(2), keepdims=0)
    z = g.add("Add", z, g.constant(np.zeros((2, 1), np.float32)))
    return g.add("Split", z, g.shape(1, 1), outputs=2, axis=0)


def embedding_ctr(g, x, ids, fused):
    def table(rows):
        return g.constant(g.random.standard_normal((rows, WIDTH), np.float32) * np.float32(0.01))

    if fused:
        rows = g.add("Add", ids, g.constant(np.arange(FIELDS, dtype=np.int64) * ROWS))
        parts = [g.add("Reshape", g.add("Gather", table(FIELDS * ROWS), rows), g.shape(g.batch, FIELDS * WIDTH))]
    else:
        fields = g.add("Split", ids, g.shape(*[1] * FIELDS), outputs=FIELDS, axis=1)
        parts = [g.add("Gather", table(ROWS), g.add("Squeeze", field, g.shape(1))) for field in fields]
    return shared_bottom(g, g.add("Concat", x, *parts, axis=1), 13 + FIELDS * WIDTH, 2, fused)


WORKLOADS = {  # name: (dense inputs, tables, which tasks are binary, logits of a graph)
    "shared_bottom": (256, False, (True, True, False), lambda g, fused: shared_bottom(g, "x", 256, 3, fused)),
    "mmoe": (499, False, (True, True), lambda g, fused: mmoe(g, "x", 16, fused)),
    "mmoe_wide": (499, False, (True, True), lambda g, fused: mmoe(g, "x", 256, fused)),
    "embedding_ctr": (13, True, (True, True), lambda g, fused: embedding_ctr(g, "x", "ids", fused)),
}


def inference_of(name, fused, batch, threads):
    """A function that predicts one batch; batches take turns."""
    inputs, tables, binary, logits_of = WORKLOADS[name]
    graph = Graph(batch)
    out = [graph.add("Sigmoid", z) if b else z for z, b in zip(logits_of(graph, fused), binary)]
    declared = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, inputs])]
    if tables:
        declared.append(helper.make_tensor_value_info("ids", TensorProto.INT64, [batch, FIELDS]))
    results = [helper.make_tensor_value_info(z, TensorProto.FLOAT, None) for z in out]
    model = helper.make_model(helper.make_graph(graph.nodes, name, declared, results, graph.weights),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(2)
    bindings, kept = [], []
    for _ in range(8):
        values = {"x": random.standard_normal((batch, inputs), np.float32)}
        if tables:
            values["ids"] = random.integers(0, ROWS, (batch, FIELDS), np.int64)
        binding = session.io_binding()
        for key, value in values.items():
            kept.append(onnxruntime.OrtValue.ortvalue_from_numpy(value))
            binding.bind_ortvalue_input(key, kept[-1])
        for z, found in zip(out, session.run(None, values)):
            kept.append(onnxruntime.OrtValue.ortvalue_from_numpy(found))
            binding.bind_ortvalue_output(z, kept[-1])
        bindings.append(binding)
    turn = [0]

    def infer(kept=kept):
        turn[0] += 1
        session.run_with_iobinding(bindings[turn[0] % len(bindings)])

    return infer


def cases(form):
    for name in WORKLOADS:
        for batch, threads in ((1, 1), (1024, 1), (1024, 2)):
            yield (f"Infer/{name}/batch:{batch}/threads:{threads}", "us",
                   partial(inference_of, name, form == "fused", batch, threads))


if __name__ == "__main__":
    harness.main(__doc__, ["plain", "fused"], cases, {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__})
