#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of models with sequences, by PyTorch in double: predictions and all gradients.

    python3 tests/golden/sequences.py      # writes tests/ops/sequences_golden.inc; needs torch

Four samples with 3, 0, 5 and 1 steps. A table of 6 rows of 4 values is that of the candidate and of the steps. The model's
input is [candidate, pooled steps]; the prediction w · input + b; the loss the mean of (z − y)² / 2. Element i of tensor k
(in the order of this file) is 0.6 sin(0.7 i + k), for gains 1 more. Transformers are torch.nn.TransformerEncoderLayer.
"""

import math

import golden_file
import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
LENGTHS, ITEMS, LABELS = (3, 0, 5, 1), (1, 4, 2, 5), (0.5, -1.0, 2.0, 0.3)
WIDTH, ROWS, MOST, HIDDEN = 4, 6, 5, 5
IDS = [(7 * i + 3) % ROWS for i in range(sum(LENGTHS))]


class Tensors:
    """Named tensors with made values, in the order in which they are asked for."""

    def __init__(self):
        self.all = {}

    def get(self, name, *shape):
        if name not in self.all:
            k, size = len(self.all), math.prod(shape)
            more = 1.0 if name.endswith("gain") else 0.0
            values = [more + 0.6 * math.sin(0.7 * i + k) for i in range(size)]
            self.all[name] = torch.tensor(values).reshape(shape).requires_grad_()
        return self.all[name]

    def affine(self, name, x, outputs):
        return F.linear(x, self.get(name + "/weight", outputs, x.shape[-1]), self.get(name + "/bias", outputs))

    def linear(self, name, x, outputs):
        return F.linear(x, self.get(name + "/weight", outputs, x.shape[-1]))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.get(name + "/gain", x.shape[-1]), self.get(name + "/shift", x.shape[-1]))


def positions(tensors, name, x):
    """Learnt vectors, counted from the last step."""
    return x + tensors.get(name + "/weight", MOST, x.shape[-1])[: len(x)].flip(0)


def transformer(tensors, x, pre_norm, causal, **options):
    base = "sequence/past/transformer0"
    x = positions(tensors, base + "/positions0", x)
    layer = nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, dropout=0, norm_first=pre_norm, batch_first=True, **options)
    at = base + "/layer0"
    # In the order of the plan: what is normalised before a part comes before it.
    norm1 = "/layer_norm0"
    names = {}

    def norm(number):
        names[f"norm{number + 1}.weight"] = tensors.get(f"{at}/layer_norm{number}/gain", WIDTH)
        names[f"norm{number + 1}.bias"] = tensors.get(f"{at}/layer_norm{number}/shift", WIDTH)

    def attention():
        names["self_attn.in_proj_weight"] = tensors.get(f"{at}/attention/qkv/weight", 3 * WIDTH, WIDTH)
        names["self_attn.in_proj_bias"] = tensors.get(f"{at}/attention/qkv/bias", 3 * WIDTH)
        names["self_attn.out_proj.weight"] = tensors.get(f"{at}/attention/out/weight", WIDTH, WIDTH)
        names["self_attn.out_proj.bias"] = tensors.get(f"{at}/attention/out/bias", WIDTH)

    def feed_forward():
        names["linear1.weight"] = tensors.get(f"{at}/dense0/weight", HIDDEN, WIDTH)
        names["linear1.bias"] = tensors.get(f"{at}/dense0/bias", HIDDEN)
        names["linear2.weight"] = tensors.get(f"{at}/dense1/weight", WIDTH, HIDDEN)
        names["linear2.bias"] = tensors.get(f"{at}/dense1/bias", WIDTH)

    for part in ([lambda: norm(0), attention, lambda: norm(1), feed_forward] if pre_norm
                 else [attention, lambda: norm(0), feed_forward, lambda: norm(1)]):
        part()
    if len(x) == 0:
        return tensors.norm(base + "/layer_norm0", x) if pre_norm else x
    mask = nn.Transformer.generate_square_subsequent_mask(len(x), dtype=torch.float64) if causal else None
    y = torch.func.functional_call(layer, names, (x.unsqueeze(0),), {"src_mask": mask})[0]
    return tensors.norm(base + "/layer_norm0", y) if pre_norm else y


def sinusoids(x):
    """sin and cos of t / 10000^(2i / width), in turn, counted from the first step."""
    t = torch.arange(len(x)).unsqueeze(1)
    angles = t * 10000.0 ** (-torch.arange(0, WIDTH, 2) / WIDTH)
    return x + torch.stack([angles.sin(), angles.cos()], 2).reshape(len(x), WIDTH)


def rotate(x):
    """Rotary positions of heads × steps × d, in the form q cos + rotate_half(q) sin."""
    d = x.shape[-1]
    angles = torch.arange(x.shape[1]).unsqueeze(1) * 10000.0 ** (-torch.arange(0, d, 2) / d)
    angles = torch.cat([angles, angles], 1)
    half = torch.cat([-x[..., d // 2 :], x[..., : d // 2]], -1)
    return x * angles.cos() + half * angles.sin()


def bias_of(tensors, name, n, heads, distances, causal):
    """A learnt value per head and distance of query and key, clipped: heads × n × n."""
    t = torch.arange(n)
    least = 0 if causal else 1 - distances
    distance = (t.unsqueeze(1) - t).clamp(least, distances - 1) - least
    return tensors.get(name, heads, distances - least)[:, distance]


def own_attention(tensors, at, x, heads, causal, turn=lambda x: x, distances=0):
    """Self-attention by scaled_dot_product_attention, with `turn` for q and k and a bias of scores."""
    qkv = tensors.affine(at + "/attention/qkv", x, 3 * WIDTH)
    q, k, v = (m.reshape(len(x), heads, WIDTH // heads).transpose(0, 1) for m in qkv.split(WIDTH, 1))
    bias = bias_of(tensors, at + "/attention/relative_bias", len(x), heads, distances, causal) if distances else 0.0
    mask = nn.Transformer.generate_square_subsequent_mask(len(x), dtype=torch.float64) if causal else 0.0
    mask = torch.zeros(heads, len(x), len(x)) + mask + bias
    y = F.scaled_dot_product_attention(turn(q), turn(k), v, attn_mask=mask) if len(x) else q * 0
    return tensors.affine(at + "/attention/out", y.transpose(0, 1).reshape(len(x), WIDTH), WIDTH)


def own_transformer(tensors, x, heads, attention, pre_norm, added=lambda x: x):
    """One layer, spelt out: PyTorch's has neither rotary nor relative positions."""
    base = "sequence/past/transformer0"
    at = base + "/layer0"
    x = added(x)

    def feed_forward(x):
        return tensors.affine(at + "/dense1", F.relu(tensors.affine(at + "/dense0", x, HIDDEN)), WIDTH)

    for number, part in enumerate([lambda x: attention(tensors, at, x, heads), feed_forward]):
        if pre_norm:
            x = x + part(tensors.norm(f"{at}/layer_norm{number}", x))
        else:
            x = tensors.norm(f"{at}/layer_norm{number}", x + part(x))
    return tensors.norm(base + "/layer_norm0", x) if pre_norm else x


def attention_with(causal=False, **kinds):
    return lambda tensors, at, x, heads: own_attention(tensors, at, x, heads, causal, **kinds)


def hstu(tensors, x, causal, distances=0):
    base = "sequence/past/hstu0"
    if not distances:
        x = positions(tensors, base + "/positions0", x)
    at, heads, n = base + "/layer0", 2, len(x)
    q, k, v, u = F.silu(tensors.affine(at + "/qkvu", x, 4 * WIDTH)).split(WIDTH, 1)
    bias = bias_of(tensors, at + "/relative_bias", n, heads, distances, causal) if distances else [0.0] * heads
    outputs = []
    for h in range(heads):
        part = slice(h * WIDTH // heads, (h + 1) * WIDTH // heads)
        a = F.silu(q[:, part] @ k[:, part].T / math.sqrt(WIDTH // heads) + bias[h])
        if causal:
            a = torch.tril(a) / torch.arange(1, n + 1).unsqueeze(1)
        else:
            a = a / max(n, 1)
        outputs.append(a @ v[:, part])
    y = tensors.norm(at + "/layer_norm0", torch.cat(outputs, 1)) * u
    return x + tensors.affine(at + "/out", y, WIDTH)


def mean(tensors, x, item):
    return x.mean(0) if len(x) else torch.zeros(x.shape[-1])


def target(tensors, x, item):
    q = tensors.linear("sequence/past/target/query", item, WIDTH)
    k, v = tensors.linear("sequence/past/target/keys", x, 2 * WIDTH).split(WIDTH, 1)
    if len(x) == 0:
        return torch.zeros(WIDTH)
    q, k, v = (m.reshape(-1, 2, WIDTH // 2).transpose(0, 1) for m in (q.unsqueeze(0), k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(WIDTH)


def attend(tensors, x, item):
    """Attention of a learnt query of two heads."""
    k, v = tensors.linear("sequence/past/attend/keys", x, 2 * WIDTH).split(WIDTH, 1)
    q = tensors.get("sequence/past/attend/query", 2, WIDTH // 2)
    if len(x) == 0:
        return torch.zeros(WIDTH)
    k, v = (m.reshape(-1, 2, WIDTH // 2).transpose(0, 1) for m in (k, v))
    return F.scaled_dot_product_attention(q.unsqueeze(1), k, v).transpose(0, 1).reshape(WIDTH)


def din(tensors, x, item):
    t = item.expand(len(x), WIDTH)
    base = "sequence/past/interest/dense"
    h = torch.sigmoid(tensors.affine(base + "0", torch.cat([x, t, x * t], 1), 3))
    return (tensors.affine(base + "1", h, 1) * x).sum(0)


MODELS = {
    "transformer": (lambda t, x: transformer(t, x, False, False), mean),
    "transformer_pre_norm_causal": (lambda t, x: transformer(t, x, True, True), mean),
    "hstu": (lambda t, x: hstu(t, x, False), mean),
    "hstu_causal": (lambda t, x: hstu(t, x, True), mean),
    "transformer_sinusoidal": (lambda t, x: own_transformer(t, x, 2, attention_with(), False, sinusoids), mean),
    "transformer_rotary": (lambda t, x: own_transformer(t, x, 2, attention_with(turn=rotate), False), mean),
    "transformer_rotary_causal": (
        lambda t, x: own_transformer(t, x, 1, attention_with(True, turn=rotate), True), mean),
    "transformer_relative": (lambda t, x: own_transformer(t, x, 2, attention_with(distances=3), False), mean),
    "transformer_relative_causal": (
        lambda t, x: own_transformer(t, x, 2, attention_with(True, distances=2), True), mean),
    "hstu_relative": (lambda t, x: hstu(t, x, False, 3), mean),
    "hstu_relative_causal": (lambda t, x: hstu(t, x, True, 9), mean),
    "transformer_gelu": (
        lambda t, x: transformer(t, x, False, False, activation="gelu", layer_norm_eps=1e-12), mean),
    "target": (lambda t, x: x, target),
    "attend": (lambda t, x: x, attend),
    "din": (lambda t, x: x, din),
}


def run(encode, pool):
    tensors = Tensors()
    table = tensors.get("embedding/item", ROWS, WIDTH)
    losses, predictions, begin = [], [], 0
    for length, item, label in zip(LENGTHS, ITEMS, LABELS):
        steps = table[torch.tensor(IDS[begin : begin + length], dtype=torch.long)]
        begin += length
        pooled = pool(tensors, encode(tensors, steps), table[item])
        z = tensors.affine("y/dense0", torch.cat([table[item], pooled]), 1)[0]
        predictions.append(z.item())
        losses.append((z - label) ** 2 / 2)
    (sum(losses) / len(losses)).backward()
    return predictions, {name: tensor.grad.ravel().tolist() for name, tensor in tensors.all.items()}


def numbers(values):
    texts = [f"{round(v, 12) + 0.0:.12f}" for v in values]
    return "{" + ",\n    ".join(", ".join(texts[i : i + 6]) for i in range(0, len(texts), 6)) + "}"


def print_values():
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by tests/golden/sequences.py: name, predictions, the gradient of each tensor in order.")
    for name, (encode, pool) in MODELS.items():
        predictions, gradients = run(encode, pool)
        print(f'{{"{name}",\n {numbers(predictions)},\n {{', end="")
        print(",\n  ".join(f'{{"{tensor}",\n   {numbers(g)}}}' for tensor, g in gradients.items()) + "}},")


if __name__ == "__main__":
    golden_file.write("ops/sequences_golden.inc", print_values)
