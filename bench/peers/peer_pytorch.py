#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The training steps and inference of bench/ on PyTorch. Forms: plain, a module for each layer; fused, experts, gates and
towers in one product each by hand; compiled, the fused one through torch.compile (but for the look-up in tables, whose sparse
gradients it refuses). Optimiser: Adam with fused=True; tables have sparse gradients and SparseAdam."""
from functools import partial

import harness
import torch
from torch import nn
from torch.nn import functional as F

FIELDS, ROWS, WIDTH = 26, 100000, 16
TOKENS, LENGTH, STEP = 10000, 50, 64


def tower(inputs, units):
    return nn.Sequential(nn.Linear(inputs, units), nn.ReLU(), nn.Linear(units, 1))


class FusedTowers(nn.Module):
    """Towers of one hidden layer on one input (samples × in), or on inputs of their own (tasks × samples × in)."""

    def __init__(self, tasks, inputs, units, shared):
        super().__init__()
        self.tasks, self.units, self.shared = tasks, units, shared
        bound = inputs ** -0.5
        self.w1 = nn.Parameter(torch.empty(*((tasks * units, inputs) if shared else (tasks, inputs, units))).uniform_(-bound, bound))
        self.b1 = nn.Parameter(torch.zeros(*((tasks * units,) if shared else (tasks, 1, units))))
        self.w2 = nn.Parameter(torch.empty(tasks, units).uniform_(-bound, bound))
        self.b2 = nn.Parameter(torch.zeros(tasks))

    def forward(self, x):
        if self.shared:
            h = torch.relu(F.linear(x, self.w1, self.b1)).view(-1, self.tasks, self.units)
            z = (h * self.w2).sum(2) + self.b2
        else:
            h = torch.relu(torch.baddbmm(self.b1, x, self.w1))
            z = (h * self.w2.unsqueeze(1)).sum(2).t() + self.b2
        return z.split(1, 1)


class SharedBottom(nn.Module):
    def __init__(self, inputs, tasks, fused):
        super().__init__()
        self.bottom = nn.Sequential(nn.Linear(inputs, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU())
        self.fused = fused
        self.towers = FusedTowers(tasks, 256, 64, True) if fused else nn.ModuleList(tower(256, 64) for _ in range(tasks))

    def forward(self, x):
        h = self.bottom(x)
        return self.towers(h) if self.fused else [t(h) for t in self.towers]


class Mmoe(nn.Module):
    def __init__(self, units, fused):
        super().__init__()
        self.units, self.fused = units, fused
        if fused:
            self.all = nn.Linear(499, 8 * units + 16)
            self.towers = FusedTowers(2, units, 8, False)
        else:
            self.experts = nn.ModuleList(nn.Linear(499, units) for _ in range(8))
            self.gates = nn.ModuleList(nn.Linear(499, 8, bias=False) for _ in range(2))
            self.towers = nn.ModuleList(tower(units, 8) for _ in range(2))

    def forward(self, x):
        if self.fused:
            y = self.all(x)
            f = torch.relu(y[:, :8 * self.units]).view(-1, 8, self.units)
            g = torch.softmax(y[:, 8 * self.units:].view(-1, 2, 8), 2)
            return self.towers(torch.bmm(g, f).transpose(0, 1))
        f = torch.stack([torch.relu(e(x)) for e in self.experts], 1)
        return [t(torch.bmm(torch.softmax(g(x), 1).unsqueeze(1), f).squeeze(1)) for g, t in zip(self.gates, self.towers)]


class EmbeddingCtr(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.fused = fused
        self.net = SharedBottom(13 + FIELDS * WIDTH, 2, fused)
        count = 1 if fused else FIELDS
        self.tables = nn.ModuleList(nn.Embedding(FIELDS * ROWS // count, WIDTH, sparse=True) for _ in range(count))
        for table in self.tables:
            nn.init.normal_(table.weight, 0, 0.01)
        self.register_buffer("offsets", torch.arange(FIELDS) * ROWS)

    def forward(self, x, ids):
        if self.fused:
            return self.net(torch.cat([x, self.tables[0](ids + self.offsets).flatten(1)], 1))
        return self.net(torch.cat([x] + [t(ids[:, i]) for i, t in enumerate(self.tables)], 1))


class Attention(nn.Module):
    """A post-norm Transformer layer with one product for queries, keys and values."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
        x = self.norm1(x + self.out(y))
        return self.norm2(x + self.down(torch.relu(self.up(x))))


class Sequences(nn.Module):
    """Steps of a table, encoded and pooled; three towers. Form fused: sparse gradients of the table, own attention layers."""

    def __init__(self, kind, form):
        super().__init__()
        self.kind = kind
        self.tables = nn.Embedding(TOKENS, STEP, sparse=form == "fused")
        nn.init.normal_(self.tables.weight, 0, 0.01)
        width = STEP
        if kind == "transformer":
            self.positions = nn.Parameter(0.01 * torch.randn(LENGTH, STEP))
            self.layers = nn.Sequential(*[
                Attention(STEP, 2, 256) if form != "plain" else
                nn.TransformerEncoderLayer(STEP, 2, 256, dropout=0, batch_first=True) for _ in range(2)])
        elif kind == "gru":
            self.gru = nn.GRU(STEP, STEP, batch_first=True)
        else:
            self.unit = nn.Sequential(nn.Linear(3 * STEP, 80), nn.Sigmoid(), nn.Linear(80, 40), nn.Sigmoid(), nn.Linear(40, 1))
            self.bottom = nn.Sequential(nn.Linear(2 * STEP, 200), nn.ReLU(), nn.Linear(200, 80), nn.ReLU())
            width = 80
        self.fused = form != "plain"
        self.towers = FusedTowers(3, width, 64, True) if self.fused else nn.ModuleList(tower(width, 64) for _ in range(3))

    def forward(self, ids, item):
        x = self.tables(ids)
        if self.kind == "transformer":
            h = self.layers(x + self.positions).mean(1)
        elif self.kind == "gru":
            h = self.gru(x)[0][:, -1]
        else:
            t = self.tables(item)
            repeated = t.unsqueeze(1).expand_as(x)
            a = self.unit(torch.cat([x, repeated, x * repeated], 2))
            h = self.bottom(torch.cat([t, (a * x).sum(1)], 1))
        return self.towers(h) if self.fused else [f(h) for f in self.towers]


SEQUENCES = ("transformer", "gru", "din")
THREE = [(True, 1), (True, 1), (False, 0.5)]

WORKLOADS = {  # name: (model, inputs, tables, batches, (binary, weight) of each task)
    "shared_bottom": (lambda f: SharedBottom(256, 3, f), 256, False, [32, 256, 1024, 4096], [(True, 1), (True, 1), (False, 0.5)]),
    "mmoe": (lambda f: Mmoe(16, f), 499, False, [32, 256, 1024, 4096], [(True, 1), (True, 1)]),
    "mmoe_wide": (lambda f: Mmoe(256, f), 499, False, [256, 1024, 4096], [(True, 1), (True, 1)]),
    "embedding_ctr": (EmbeddingCtr, 13, True, [1024, 4096], [(True, 1), (True, 1)]),
    **{kind: (partial(Sequences, kind), 0, True, [128, 256], THREE) for kind in SEQUENCES},
}


def make(name, form, batch):
    build, inputs, tables, _, tasks = WORKLOADS[name]
    model = build(form if name in SEQUENCES else form != "plain")
    run = model
    if form == "compiled" and tables and name not in SEQUENCES:
        model.net.compile()
    elif form == "compiled":
        run = torch.compile(model)
    data = []
    for _ in range(8 if tables else 1):
        x = [torch.randn(batch, inputs)] + ([torch.randint(ROWS, (batch, FIELDS))] if tables else [])
        if name in SEQUENCES:
            x = [torch.randint(TOKENS, (batch, LENGTH)), torch.randint(TOKENS, (batch,))]
        data.append((x, [torch.bernoulli(torch.full((batch, 1), 0.4)) if b else torch.randn(batch, 1) for b, _ in tasks]))
    return model, run, data, tasks


def step_of(name, form, batch):
    model, run, data, tasks = make(name, form, batch)
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    sparse = [m.weight for m in tables if m.sparse]
    dense = [p for p in model.parameters() if not any(p is s for s in sparse)]
    optimisers = [torch.optim.Adam(dense, lr=1e-3, fused=True)] + ([torch.optim.SparseAdam(sparse, lr=1e-3)] if sparse else [])
    turn = [0]

    def loss_of(x, labels):
        terms = []
        for z, y, (binary, weight) in zip(run(*x), labels, tasks):
            term = F.binary_cross_entropy_with_logits(z, y) if binary else 0.5 * F.mse_loss(z, y)
            terms.append(term if weight == 1 else weight * term)
        return sum(terms[1:], terms[0])

    def step():
        x, labels = data[turn[0] % len(data)]
        turn[0] += 1
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss_of(x, labels).backward()
        for optimiser in optimisers:
            optimiser.step()

    return step


def inference_of(name, form, batch):
    model, run, data, tasks = make(name, form, batch)
    model.eval()
    turn = [0]

    def infer():
        x, _ = data[turn[0] % len(data)]
        turn[0] += 1
        with torch.inference_mode():
            return [torch.sigmoid(z) if binary else z for z, (binary, _) in zip(run(*x), tasks)]

    return infer


def prepare(make_work, threads, *settings):
    torch.manual_seed(1)
    torch.set_num_threads(threads)
    return make_work(*settings)


def cases(form):
    for name, (_, _, _, batches, _) in WORKLOADS.items():
        for threads in (1, 2):
            for batch in batches:
                yield f"TrainStep/{name}/batch:{batch}/threads:{threads}", "ms", partial(prepare, step_of, threads, name, form, batch)
            for batch in () if name in SEQUENCES else (1, 1024):
                if batch > 1 or threads == 1:
                    yield (f"Infer/{name}/batch:{batch}/threads:{threads}", "us",
                           partial(prepare, inference_of, threads, name, form, batch))


if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    harness.main(__doc__, ["plain", "fused", "compiled"], cases, {"torch": torch.__version__})
