#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of GRU and LSTM, by PyTorch in double.

    python3 tests/golden/recurrent.py      # prints the arrays in tests/kernels/test_recurrent.cpp; needs torch

A state of 2 values, samples of 3, 1 and 2 tokens. Element i of the tensors:
    U 0.8 sin(1.3 i + 0.2),  c 0.5 cos(0.9 i),  gates 1.5 sin(0.7 i + 1),  dy cos(1.1 i)
gates and dy token by token. The input's weights are the identity, so that its gradient is that of the gates.
"reversed" is the second direction of a bidirectional layer.
"""

import math

import torch

WIDTH, LENGTHS = 2, (3, 1, 2)
TOKENS = sum(LENGTHS)
torch.set_default_dtype(torch.float64)


def made(rows, columns, value):
    return torch.tensor([value(i) for i in range(rows * columns)]).reshape(rows, columns)


def run(layer, is_reversed):
    gates = layer.weight_hh_l0.shape[0]
    u = made(gates, WIDTH, lambda i: 0.8 * math.sin(1.3 * i + 0.2))
    c = made(gates, 1, lambda i: 0.5 * math.cos(0.9 * i)).ravel()
    x = made(TOKENS, gates, lambda i: 1.5 * math.sin(0.7 * i + 1)).requires_grad_()
    dy = made(TOKENS, WIDTH, lambda i: math.cos(1.1 * i))
    suffix = "_reverse" if is_reversed else ""
    weight, bias = (getattr(layer, f"{name}_hh_l0{suffix}") for name in ("weight", "bias"))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        getattr(layer, "weight_ih_l0" + suffix).copy_(torch.eye(gates))
        weight.copy_(u)
        bias.copy_(c)
    packed = torch.nn.utils.rnn.pack_sequence(x.split(LENGTHS), enforce_sorted=False)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
    both = torch.cat([padded[j, :length] for j, length in enumerate(LENGTHS)])
    y = both[:, WIDTH:] if is_reversed else both[:, :WIDTH]
    (y * dy).sum().backward()
    return torch.cat([v.ravel() for v in (y.detach(), x.grad, weight.grad, bias.grad)]).tolist()


def array(name, values):
    numbers = [f"{round(value, 11) + 0.0:.11f}" for value in values]  # + 0.0: no minus zero
    lines = [", ".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
    print(f"const double {name}[] = {{\n    " + ",\n    ".join(lines) + "};")


def main():
    print("// Printed by tests/golden/recurrent.py: y, dgates, dU, dc.")
    for name, kind in (("gru", torch.nn.GRU), ("lstm", torch.nn.LSTM)):
        gates = WIDTH * (3 if name == "gru" else 4)
        layer = kind(gates, WIDTH, bidirectional=True)
        array(name, run(layer, False))
        layer.zero_grad()
        array(name + "_reversed", run(layer, True))


main()
