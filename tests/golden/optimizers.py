#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden sequences of the optimisers, from their papers' formulas in numpy, and of the schedules.

    python3 tests/golden/optimizers.py      # writes tests/optim/golden.inc; needs numpy

Two tensors, 5 × 3 and 7, each pulled to a target that moves: element i of all 22 has the gradient
    p_i − sin(0.7 i + 0.11 t) at step t = 1 … 60
and starts at cos(i). Learning rates follow 1 / (1 + 0.01 t); gradients times 0.9, as by clipping.
"""

import math

import golden_file
import numpy as np

STEPS, KEPT = 60, (1, 2, 25, 60)
SHAPES = ((5, 3), (7,))


def start():
    flat = np.cos(np.arange(22, dtype=np.float64))
    return [flat[:15].reshape(SHAPES[0]), flat[15:].reshape(SHAPES[1])]


def gradient(tensors, t):
    flat = np.concatenate([x.ravel() for x in tensors])
    g = 0.9 * (flat - np.sin(0.7 * np.arange(22) + 0.11 * t))
    return [g[:15].reshape(SHAPES[0]), g[15:].reshape(SHAPES[1])]


def run(name, make):
    tensors = start()
    steppers = [make(x.shape) for x in tensors]
    print(f"const double {name}[{len(KEPT)}][22] = {{")
    for t in range(1, STEPS + 1):
        schedule = 1 / (1 + 0.01 * t)
        grads = gradient(tensors, t)
        tensors = [step(x, g, t, schedule) for step, x, g in zip(steppers, tensors, grads)]
        if t in KEPT:
            flat = np.concatenate([x.ravel() for x in tensors])
            print(
                "    {"
                + ",\n     ".join(
                    ", ".join(repr(float(v)) for v in flat[i : i + 4]) for i in range(0, 22, 4)
                )
                + "},"
            )
    print("};\n")


def sgd(lr, momentum=0.0, nesterov=False, decay=0.0):
    def make(shape):
        velocity = np.zeros(shape)

        def step(x, g, t, schedule):
            nonlocal velocity
            g = g + decay * x
            velocity = momentum * velocity + g
            if nesterov:
                return x - lr * schedule * (g + momentum * velocity)
            return x - lr * schedule * velocity

        return step

    return make


def adam(lr, b1=0.9, b2=0.999, eps=1e-8, l2=0.0, decoupled=0.0):
    def make(shape):
        first, second = np.zeros(shape), np.zeros(shape)

        def step(x, g, t, schedule):
            nonlocal first, second
            g = g + l2 * x
            first = b1 * first + (1 - b1) * g
            second = b2 * second + (1 - b2) * np.square(g)
            corrected, spread = first / (1 - b1**t), second / (1 - b2**t)
            x = x - lr * schedule * decoupled * x
            return x - lr * schedule * corrected / (np.sqrt(spread) + eps)

        return step

    return make


def adagrad(lr, initial=0.0, eps=1e-10, decay=0.0):
    def make(shape):
        total = np.full(shape, initial)

        def step(x, g, t, schedule):
            nonlocal total
            g = g + decay * x
            total = total + np.square(g)
            return x - lr * schedule * g / (np.sqrt(total) + eps)

        return step

    return make


steps = np.arange(1, 131)  # of 120: beyond the end as well
share = np.minimum((steps - 1) / 120, 1)
after = np.minimum(np.maximum(steps - 21, 0) / 100, 1)


def sequence(name, values):
    print(f"const double {name}[130] = {{")
    print(
        "    "
        + ",\n    ".join(
            ", ".join(repr(float(v)) for v in values[i : i + 6]) for i in range(0, 130, 6)
        )
        + "};\n"
    )


def main():
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by tests/golden/optimizers.py; do not edit.\n")
    print("// clang-format off")
    print("namespace golden {\n")
    print(f"const int kept[{len(KEPT)}] = {{" + ", ".join(map(str, KEPT)) + "};\n")
    run("sgd", sgd(0.05))
    run("sgd_momentum", sgd(0.05, 0.9))
    run("sgd_nesterov", sgd(0.05, 0.8, True, 0.01))
    run("adam", adam(0.02))
    run("adam_l2", adam(0.02, 0.8, 0.95, 1e-6, l2=0.1))
    run("adamw", adam(0.02, decoupled=0.1))
    run("adagrad", adagrad(0.1))
    run("adagrad_initial", adagrad(0.1, 0.1, 1e-7, 0.01))
    sequence("step_decay", 0.5 ** np.floor((steps - 1) / 40))
    sequence("cosine", [0.1 + 0.9 * (1 + math.cos(math.pi * x)) / 2 for x in share])
    sequence("linear", 1 + share * (0.2 - 1))
    sequence(
        "warm_cosine",
        [s / 20 if s <= 20 else (1 + math.cos(math.pi * x)) / 2 for s, x in zip(steps, after)],
    )
    print("}  // namespace golden")


golden_file.write("optim/golden.inc", main)
