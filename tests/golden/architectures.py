#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the sharing architectures: written anew in PyTorch from the papers' formulae, gradients by autograd.

python3 tests/golden/architectures.py      # writes tests/describe/golden.inc; needs torch

Every tensor and table holds 0.5 sin(h + 1.3 i), h from its name's hash, so that no weights need to be stored; inputs and
labels are made alike. What is kept: predictions, and for each tensor Σ_i cos(i) · gradient_i of the total loss.
"""

import math

import golden_file
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
SAMPLES, TASKS, OWN = 9, ["click", "buy", "watch"], {"click": 1.0, "buy": 0.7, "watch": 0.5}


def fnv(name):
    h = 0xCBF29CE484222325
    for c in name.encode():
        h = ((h ^ c) * 0x100000001B3) % (1 << 64)
    return h


class Weights:
    """Tensors by name, made when they are first asked for."""

    def __init__(self):
        self.made = {}

    def __call__(self, name, *shape):
        if name not in self.made:
            start = fnv(name) % 1000 / 10
            index = torch.arange(math.prod(shape))
            self.made[name] = (0.5 * torch.sin(start + 1.3 * index)).reshape(shape).requires_grad_()
        assert self.made[name].shape == shape, name
        return self.made[name]


class Net:
    def __init__(self, training):
        self.training = training
        self.w = Weights()
        self.extra = 0.0  # auxiliary losses

    def inputs(self, prefix=""):
        j = torch.arange(SAMPLES)
        number = [torch.cos(0.7 * j + 1.1 * i) for i in range(2)]
        look_up = [self.w(f"{prefix}embedding/{t}", 5, 2)[(3 * j + 2 * f + 1) % 5] for f, t in enumerate(["user", "item"])]
        return torch.cat([number[0][:, None], look_up[0], number[1][:, None], look_up[1]], 1)

    def linear(self, name, x, units):
        return x @ self.w(name + "/weight", units, x.shape[1]).T

    def dense(self, name, x, units, act=torch.tanh):
        return act(self.linear(name, x, units) + self.w(name + "/bias", units))

    def experts(self, prefix, x, count, units):
        return [self.dense(f"{prefix}expert{e}/dense0", x, units) for e in range(count)]

    def gated(self, prefix, x, experts):
        gate = torch.softmax(self.linear(f"{prefix}gate", x, len(experts)), 1)
        return sum(gate[:, [e]] * f for e, f in enumerate(experts))

    def batch_norm(self, name, x):
        if self.training:
            x = (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + 1e-5)
        else:  # running moments as they start
            x = x / math.sqrt(1 + 1e-5)
        return self.w(name + "/gain", x.shape[1]) * x + self.w(name + "/shift", x.shape[1])

    def tower(self, task, h):
        return self.dense(f"{task}/dense0", h, 3 if task == "watch" else 4, torch.relu)

    def head(self, task, h):
        return self.dense(f"{task}/dense1", h, 1, lambda v: v)[:, 0]

    def towers(self, h):
        return {t: self.head(t, self.tower(t, h[t])) for t in TASKS}


def bottom(n, units=5):
    h = n.dense("shared/dense0", n.inputs(), units)
    return {t: h for t in TASKS}


def mmoe(n):
    x = n.inputs()
    experts = n.experts("", x, 3, 5)
    return n.towers({t: n.gated(f"{t}/", x, experts) for t in TASKS})


def mmoe_balanced(n):
    x = n.inputs()
    experts = n.experts("", x, 3, 5)
    for t in TASKS:
        load = torch.softmax(n.linear(f"{t}/gate", x, 3), 1).mean(0)
        n.extra = n.extra + OWN[t] * 0.3 * load.var(correction=0) / load.mean() ** 2
    return n.towers({t: n.gated(f"{t}/", x, experts) for t in TASKS})


def one_gate(n):
    x = n.inputs()
    h = n.gated("", x, n.experts("", x, 3, 5))
    return n.towers({t: h for t in TASKS})


def cgc_level(n, prefix, h, units, last):
    """h: what each task reads, and "shared"."""
    experts = {u: n.experts(f"{prefix}{u}/", h[u], 1 if u == "shared" else 2, units) for u in [*TASKS, "shared"]}
    out = {t: n.gated(f"{prefix}{t}/", h[t], experts[t] + experts["shared"]) for t in TASKS}
    if not last:
        out["shared"] = n.gated(f"{prefix}shared/", h["shared"], sum(experts.values(), []))
    return out


def cgc(n):
    return n.towers(cgc_level(n, "", dict.fromkeys([*TASKS, "shared"], n.inputs()), 5, True))


def ple(n):
    h = dict.fromkeys([*TASKS, "shared"], n.inputs())
    return n.towers(cgc_level(n, "level1/", cgc_level(n, "level0/", h, 5, False), 4, True))


def cross_stitch(n):
    h = [n.inputs()] * 3
    for block, units in enumerate([5, 4]):
        h = [n.dense(f"block{block}/network{k}/dense0", h[k], units) for k in range(3)]
        a = n.w(f"block{block}/stitch/weight", 3, 3)
        h = [sum(a[k, l] * h[l] for l in range(3)) for k in range(3)]
    return n.towers(dict(zip(TASKS, h)))


def adatt(n, own, shared, levels):
    units = [*TASKS, "shared"] if shared else TASKS
    h = dict.fromkeys(units, n.inputs())
    for level in range(levels):
        p = f"level{level}/"
        experts = {u: n.experts(f"{p}{u}/", h[u], shared if u == "shared" else own, 5) for u in units}
        everyone = sum(experts.values(), [])
        last = level + 1 == levels

        def fuse(u):
            mine = experts[u]
            native = mine[0]
            if len(mine) > 1:
                v = n.w(f"{p}{u}/own/weight", 1, len(mine))
                native = sum(v[0, i] * f for i, f in enumerate(mine))
            return n.gated(f"{p}{u}/", h[u], everyone) + native

        h = {u: fuse(u) for u in units if not (last and u == "shared")}
    return n.towers(h)


def stem(n):
    common = n.inputs()
    x = {t: n.inputs(t + "/") for t in TASKS}
    experts = {t: n.experts(f"{t}/", x[t], 2, 5) for t in TASKS}
    shared = n.experts("shared/", common, 1, 5)
    h = {}
    for t in TASKS:
        seen = sum([experts[u] if u == t else [f.detach() for f in experts[u]] for u in TASKS], [])
        h[t] = n.gated(f"{t}/", x[t] + common, seen + shared)
    return n.towers(h)


def branches(n):
    h = bottom(n)
    pair = n.dense("branch0/dense0", h["click"], 4, torch.relu)
    return n.towers({"click": pair, "buy": pair, "watch": h["watch"]})


def log_odds(p):
    return torch.log(p) - torch.log1p(-p)


def esmm(n):
    z = n.towers(bottom(n))
    z["buy"] = log_odds(torch.sigmoid(z["click"]) * torch.sigmoid(z["buy"]))
    return z


def mtan(n):
    trunk, h = [], n.inputs()
    for block, units in enumerate([5, 4]):
        h = n.dense(f"block{block}/dense0", h, units)
        trunk.append(h)
    seen = {}
    for t in TASKS:
        for l, h in enumerate(trunk):
            read = h if l == 0 else torch.cat([h, seen[t]], 1)
            hidden = n.dense(f"{t}/attention{l}/dense0", read, h.shape[1], torch.relu)
            seen[t] = n.dense(f"{t}/attention{l}/dense1", hidden, h.shape[1], torch.sigmoid) * h
    return n.towers(seen)


def snr(n):
    # As it infers: the gates in their middle.
    def route(name, u, outputs):
        z = torch.clamp(torch.sigmoid(n.w(name + "route/log_alpha", outputs, 3)) * 1.2 - 0.1, 0, 1)
        return [sum(z[o, i] * u[i] for i in range(3)) for o in range(outputs)]

    x = n.inputs()
    u = [n.dense(f"level0/network{i}/dense0", x, 5) for i in range(3)]
    u = [n.dense(f"level1/network{i}/dense0", v, 4) for i, v in enumerate(route("level1/", u, 3))]
    return n.towers({t: route(f"{t}/", u, 1)[0] for t in TASKS})


def smooth_step(t):
    inside = -2 * t**3 + 1.5 * t + 0.5
    return torch.where(t <= -0.5, torch.zeros_like(t), torch.where(t >= 0.5, torch.ones_like(t), inside))


def dselect_k(n, selected=2, bits=2):
    x = n.inputs()
    experts = n.experts("", x, 4, 5)
    h = {}
    for t in TASKS:
        v = n.linear(f"{t}/gate", x, selected * (bits + 1))
        alpha = torch.softmax(v[:, selected * bits :], 1)
        h[t] = 0
        for e, f in enumerate(experts):
            weight = 0
            for i in range(selected):
                s = smooth_step(v[:, i * bits : (i + 1) * bits])
                code = [s[:, b] if e >> b & 1 else 1 - s[:, b] for b in range(bits)]
                weight = weight + alpha[:, i] * math.prod(code[1:], start=code[0])
            h[t] = h[t] + weight[:, None] * f
    return n.towers(h)


def pepnet(n):
    x = n.inputs()  # a number, user, a number, item
    user, item = x[:, 1:3], x[:, 4:6]

    def gate(name, who, rest, units):
        hidden = n.dense(name + "/dense0", torch.cat([who, rest.detach()], 1), units, torch.relu)
        return 2 * n.dense(name + "/dense1", hidden, units, torch.sigmoid)

    e = gate("domain", item, x, 6) * x
    return n.towers({t: gate(f"{t}/layer0/gate", user, e, 5) * n.dense(f"{t}/layer0/dense0", e, 5, torch.relu) for t in TASKS})


def star(n, auxiliary):
    x = n.inputs()
    domain = (3 * torch.arange(SAMPLES) + 2 + 1) % 5  # the items; 0 is one not known
    h = x
    for layer, (units, act) in enumerate([(5, torch.tanh), (4, F.silu)]):
        w, b = n.w(f"shared/dense{layer}/weight", units, h.shape[1]), n.w(f"shared/dense{layer}/bias", units)
        own_w = n.w(f"domains/dense{layer}/weight", 4 * units, h.shape[1]).reshape(4, units, -1)
        own_b = n.w(f"domains/dense{layer}/bias", 4 * units).reshape(4, units)
        own_w = torch.cat([torch.ones(1, units, h.shape[1]), own_w])
        own_b = torch.cat([torch.zeros(1, units), own_b])
        h = act(torch.einsum("noi,ni->no", w * own_w[domain], h) + b + own_b[domain])
    z = n.towers({t: h for t in TASKS})
    if auxiliary:
        a = n.dense("auxiliary/dense0", x, 3, torch.relu)
        z = {t: z[t] + n.dense(f"{t}/auxiliary/dense0", a, 1, lambda v: v)[:, 0] for t in TASKS}
    return z


def meta_heac(n):
    x = n.inputs()
    experts = n.experts("", x, 3, 5)
    critics = lambda h: [n.dense(f"critic{c}/dense1", n.dense(f"critic{c}/dense0", h, 4, torch.relu), 1, lambda v: v) for c in range(2)]

    def gate(name, task, choices):
        u = torch.cat([n.w(f"{task}/task/embedding", 3).expand(SAMPLES, 3), x], 1)
        hidden = n.dense(f"gates/{name}/dense0", u, 5, torch.relu)
        return torch.softmax(n.dense(f"gates/{name}/dense1", hidden, choices, lambda v: v), 1)

    h = {t: sum(gate("experts", t, 3)[:, [e]] * f for e, f in enumerate(experts)) for t in TASKS}
    z = {t: log_odds(sum(gate("critics", t, 2)[:, [c]] * torch.sigmoid(f) for c, f in enumerate(critics(h[t])))[:, 0])
         for t in ["click", "buy"]}
    return {**z, "watch": n.head("watch", n.tower("watch", h["watch"]))}


def home(n, categories, count, rank):
    def experts(name, v, units):
        h = []
        for i in range(count):
            p = f"{name}/expert{i}/"
            down, up = n.w(p + "feature_gate/down", rank, v.shape[1]), n.w(p + "feature_gate/up", v.shape[1], rank)
            h.append(n.linear(p + "dense0", 2 * torch.sigmoid(v @ down.T @ up.T) * v, units))
        return list(F.silu(n.batch_norm(name + "/batch_norm", torch.cat(h, 1))).split(units, 1))

    def mixed(name, seen, groups, v, own):
        s = n.linear(name + "/self_gate", v, count)
        eta = torch.sigmoid(s) if count == 1 else torch.softmax(s, 1)
        return n.gated(name + "/", seen, groups) + sum(eta[:, [i]] * f for i, f in enumerate(own))

    x = n.inputs()
    names = [f"category{c}" for c in range(len(categories))]
    f = {g: experts("meta/" + g, x, 5) for g in ["shared", *names]}
    z = {c: mixed("meta/" + c, x, f[c] + f["shared"], x, f[c]) for c in names}
    z["shared"] = mixed("meta/shared", x, sum(f.values(), []), x, f["shared"])
    of = {t: f"category{c}" for c, tasks in enumerate(categories) for t in tasks}
    f = {g: experts(g, z[g], 4) for g in ["shared", *names]} | {t: experts(t, z[of[t]], 4) for t in TASKS}
    return n.towers({t: mixed(t, torch.cat([z[of[t]], z["shared"]], 1), f[t] + f[of[t]] + f["shared"], z[of[t]], f[t]) for t in TASKS})


def hmoe(n):
    x = n.inputs()
    experts = n.experts("", x, 2, 5)
    h = {t: n.gated(f"{t}/", x, experts) for t in TASKS}
    z = n.towers(h)
    out = dict(z)
    for t in ["click", "buy"]:
        gate = torch.softmax(n.linear(f"{t}/others/gate", h[t], 2), 1)
        out[t] = sum(gate[:, j] * (z[u] if u == t else z[u].detach()) for j, u in enumerate(["click", "buy"]))
    return out


def labels():
    j = torch.arange(SAMPLES)
    return (j % 2 == 1).double(), (j % 4 == 3).double(), torch.sin(j.double())


def escm2(n, robust):
    h = bottom(n)
    z = n.towers(h)
    click, buy, _ = labels()
    click = torch.where(torch.arange(SAMPLES) == 4, 0, click)
    error = F.binary_cross_entropy_with_logits(z["buy"], buy, reduction="none")
    floor, strength = (0.5, 0.8) if robust else (0.05, 1.0)
    p = torch.sigmoid(z["click"]).detach().clamp(min=floor)
    if robust:
        i = n.dense("buy/imputation/dense1", n.dense("buy/imputation/dense0", h["buy"], 4, torch.relu), 1, lambda v: v)
        imputed = F.softplus(i[:, 0])
        held = imputed.detach()
        term = held + click * (error - held) / p + click * (error.detach() - imputed) ** 2 / p
    else:
        term = click * error / p
    n.extra = OWN["buy"] * strength * term.mean()
    z["buy"] = log_odds(torch.sigmoid(z["click"]) * torch.sigmoid(z["buy"]))
    return z


def attention(n, name, p, q):
    w = p.shape[1]
    v, k, a = (n.w(f"{name}/{m}", w, w) for m in ["value", "key", "query"])
    tokens = torch.stack([p, q], 1)
    score = ((tokens @ k.T) * (tokens @ a.T)).sum(2) / math.sqrt(w)
    return (torch.softmax(score, 1)[:, :, None] * (tokens @ v.T)).sum(1)


def aitm(n):
    h = bottom(n)
    q = {t: n.tower(t, h[t]) for t in TASKS}
    info = torch.relu(n.linear("buy/transfer", q["click"], 4) + n.w("buy/transfer/bias", 4))
    q["buy"] = attention(n, "buy/transfer", info, q["buy"])
    z = {t: n.head(t, q[t]) for t in TASKS}
    # Part of the loss of "buy", with its weight.
    n.extra = OWN["buy"] * 0.6 * torch.clamp(torch.sigmoid(z["buy"]) - torch.sigmoid(z["click"]), min=0).mean()
    return z


def dbmtl(n):
    h = bottom(n)
    r = {t: n.tower(t, h[t]) for t in TASKS}
    r["click"] = n.dense("click/relation/dense0", torch.cat([r["click"], r["buy"]], 1), 4, torch.relu)
    r["watch"] = n.dense("watch/relation/dense0", torch.cat([r["watch"], r["click"], r["buy"]], 1), 4, torch.relu)
    return {t: n.head(t, r[t]) for t in TASKS}


def total_loss(n, z):
    click, buy, watch = labels()
    labelled = torch.arange(SAMPLES) != 4  # of click
    terms = {
        "click": F.binary_cross_entropy_with_logits(z["click"][labelled], click[labelled]),
        "buy": F.binary_cross_entropy_with_logits(z["buy"], buy),
        "watch": ((z["watch"] - watch) ** 2 / 2).mean(),
    }
    return sum(OWN[t] * terms[t] for t in TASKS) + n.extra


MODELS = [
    ("branches", branches),
    ("one_gate_moe", one_gate),
    ("mmoe", mmoe),
    ("mmoe_balanced", mmoe_balanced),
    ("cgc", cgc),
    ("ple", ple),
    ("cross_stitch", cross_stitch),
    ("adatt", lambda n: adatt(n, 2, 1, 2)),
    ("adatt_sp", lambda n: adatt(n, 1, 0, 1)),
    ("stem", stem),
    ("esmm", esmm),
    ("escm2_ipw", lambda n: escm2(n, False)),
    ("escm2_dr", lambda n: escm2(n, True)),
    ("aitm", aitm),
    ("dbmtl", dbmtl),
    ("mtan", mtan),
    ("snr", snr),
    ("dselect_k", dselect_k),
    ("pepnet", pepnet),
    ("hmoe", hmoe),
    ("home", lambda n: home(n, [["buy", "click"], ["watch"]], 2, 3)),
    ("home_single", lambda n: home(n, [TASKS], 1, 2)),
    ("meta_heac", meta_heac),
    ("star", lambda n: star(n, False)),
    ("star_auxiliary", lambda n: star(n, True)),
]


def main():
    print("// Written by tests/golden/architectures.py.")
    print("// {model, predictions task after task, total loss, {tensor or table, Σ cos(i) · gradient_i}}")
    for name, model in MODELS:
        n = Net(training=True)
        loss = total_loss(n, model(n))
        loss.backward()
        z = model(Net(training=False))
        says = [torch.sigmoid(z["click"]), torch.sigmoid(z["buy"]), z["watch"]]
        values = ", ".join(f"{v:.12g}" for t in says for v in t.tolist())
        print(f'{{"{name}",\n {{{values}}},\n {loss.item():.12g}, {{')
        if name == "snr":  # trains with random gates
            n.w.made.clear()
        for tensor, w in sorted(n.w.made.items()):
            g = w.grad.flatten()
            print(f'  {{"{tensor}", {(torch.cos(torch.arange(g.numel())) * g).sum().item():.12g}}},')
        print(" }},")


golden_file.write("describe/golden.inc", main)
