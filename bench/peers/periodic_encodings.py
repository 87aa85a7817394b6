#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are periodic encodings of numbers worth having beside buckets? The models `shared` of examples/adult and examples/census_income in PyTorch,
on the same rows and splits, with each number given

    plain                  standardised, as the example has it
    buckets                and an embedding of its bucket: 32 quantiles, 8 wide
    periodic               and ReLU(W [sin 2πcx, cos 2πcx] + b), 8 wide, of 24 frequencies c ~ N(0, σ²) that learn: PLR of Gorishniy, Rubachev and
                           Babenko, On embeddings for numerical features in tabular deep learning, NeurIPS 2022
    buckets + periodic     and both

x is the standardised number or its normal score (the quantile of the training split, through the inverse of the normal distribution, as in the
paper); which of them, and σ, 0.02 to 32, is chosen by the validation loss of the first seed. Recipe: recommended(), Adam at 1e-3 in steps
of 512 (tables too: rows that do not occur move by their momentum), average of the weights 0.999, patience 3. Prints the test split's figures at the
epoch of the least validation loss.

    periodic_encodings.py adult|census_income [--model mmoe] [--variants NAMES] [--seeds N] [--threads N] [--data FOLDER] [--json]"""
import copy
import json
import math
import sys
import time
from functools import partial
from itertools import product
from typing import NamedTuple

try:
    import numpy as np
    import pandas as pd
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    sys.exit(f"{error.name} is not installed (pip install torch pandas); periodic encodings are left out")

import adult_columns as adult
from real_data import METRICS, find_file, options, print_table

EPOCHS, BATCH, PATIENCE, DECAY, RATE = 30, 512, 3, 0.999, 1e-3
WIDTH, CROSS_WIDTH, BUCKETS, FREQUENCIES = 8, 4, 32, 24
SIGMAS = [0.02, 0.1, 0.5, 2.0, 8.0, 32.0]
SCALES = ["standardised", "normal score"]
VARIANTS = ["plain", "buckets", "periodic", "buckets + periodic"]

CENSUS_COLUMNS = """age class_of_worker industry_code occupation_code education wage_per_hour enrolled marital_status industry occupation race
    hispanic_origin sex union_member unemployment_reason employment capital_gains capital_losses dividends tax_filer previous_region previous_state
    household household_summary survey_weight migration_msa migration_region migration_within_region same_house migration_sunbelt employer_size
    parents_present father_birth_country mother_birth_country birth_country citizenship self_employed veterans_questionnaire veterans_benefits
    weeks_worked year income_class""".split()
CENSUS_NUMBERS = ["age", "wage_per_hour", "capital_gains", "capital_losses", "dividends", "employer_size", "weeks_worked"]
CENSUS_NO_INPUTS = ["marital_status", "survey_weight", "income_class"]


class Source(NamedTuple):
    rows: pd.DataFrame
    splits: tuple       # masks of train, validation, test
    numbers: list
    log: bool           # numbers are log(1 + x), standardised
    buckets: list       # of each number, as the example has them; None: it has none
    categories: list
    crosses: list
    labels: dict        # {task: (objective, values)}
    networks: dict      # {name: network(inputs, tasks)}


class Shared(nn.Module):
    """Layers with a dropout behind the first, and a tower for each task."""

    def __init__(self, inputs, tasks, widths, dropout, tower):
        super().__init__()
        self.layers = nn.Sequential(relu_layers(inputs, widths[:1]), nn.Dropout(dropout), relu_layers(widths[0], widths[1:]))
        self.towers = towers(widths[-1], tower, tasks)

    def forward(self, x):
        h = self.layers(x)
        return torch.cat([tower(h) for tower in self.towers], 1)


class Mmoe(nn.Module):
    """Eight experts of 64 and 64, a gate and a tower of 64 and 32 for each task. All experts are one product, then eight."""

    def __init__(self, inputs, tasks, experts=8, width=64):
        super().__init__()
        self.first = nn.Sequential(relu_layers(inputs, [experts * width]), nn.Dropout(0.1))
        self.second = nn.Parameter(torch.stack([relu_layers(width, [width])[0].weight.T for _ in range(experts)]).detach())
        self.bias = nn.Parameter(torch.zeros(experts, 1, width))
        self.gates = nn.ModuleList(head(inputs, experts, bias=False) for _ in range(tasks))
        self.towers = towers(width, [64, 32], tasks)

    def forward(self, x):
        h = self.first(x).unflatten(1, (len(self.second), -1)).transpose(0, 1)
        h = torch.baddbmm(self.bias, h, self.second).relu().transpose(0, 1)
        return torch.cat([tower(torch.bmm(gate(x).softmax(1).unsqueeze(1), h).squeeze(1)) for gate, tower in zip(self.gates, self.towers)], 1)


def relu_layers(inputs, widths):
    layers = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        nn.init.kaiming_uniform_(layers[-2].weight, nonlinearity="relu")
        nn.init.zeros_(layers[-2].bias)
        inputs = width
    return nn.Sequential(*layers)


def head(inputs, outputs, bias=True):
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def towers(inputs, widths, tasks):
    return nn.ModuleList(nn.Sequential(relu_layers(inputs, widths), head([inputs, *widths][-1], 1)) for _ in range(tasks))


class Tables(nn.Module):
    """The embeddings of several columns, in one table."""

    def __init__(self, sizes, width):
        super().__init__()
        self.table = nn.Embedding(sum(sizes), width)
        nn.init.normal_(self.table.weight, std=0.01)
        self.register_buffer("starts", torch.tensor([0] + sizes[:-1]).cumsum(0))
        self.width = len(sizes) * width

    def forward(self, ids):
        return self.table(ids + self.starts).flatten(1)


class Periodic(nn.Module):
    """PLR: each number has frequencies and a linear layer of its own, which starts as the authors' code has it."""

    def __init__(self, numbers, sigma):
        super().__init__()
        limit = 1 / math.sqrt(2 * FREQUENCIES)
        self.frequencies = nn.Parameter(torch.randn(numbers, FREQUENCIES) * sigma)
        self.weight = nn.Parameter(torch.empty(numbers, 2 * FREQUENCIES, WIDTH).uniform_(-limit, limit))
        self.bias = nn.Parameter(torch.empty(numbers, 1, WIDTH).uniform_(-limit, limit))
        self.width = numbers * WIDTH

    def forward(self, x):
        angles = (2 * math.pi) * x.T.unsqueeze(2) * self.frequencies.unsqueeze(1)
        waves = torch.cat([angles.sin(), angles.cos()], 2)
        return torch.baddbmm(self.bias, waves, self.weight).relu().transpose(0, 1).flatten(1)


class Model(nn.Module):
    """Parts that are None are left out of the inputs."""

    def __init__(self, network, tasks, numbers, parts):
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.network = network(numbers + sum(part.width for part in parts.values()), tasks)

    def forward(self, batch):
        return self.network(torch.cat([batch["numbers"]] + [part(batch[name]) for name, part in self.parts.items()], 1))


def read_adult(data):
    rows, splits = adult.read(data)
    for first, second in (("occupation", "workclass"), ("relationship", "sex")):  # a missing value is one of its own there
        rows[f"{first}+{second}"] = rows[first].fillna("") + "+" + rows[second].fillna("")
    return Source(rows, splits, adult.NUMBERS, False, [80, 8, 32, 256, 256], adult.CATEGORIES, ["occupation+workclass", "relationship+sex"],
                  adult.labels(rows), {"shared": partial(Shared, widths=[256], dropout=0.5, tower=[])})


def read_census_income(data):
    file = find_file(data, "census-income", ["census-income.csv", "census-income.test"])
    categories = [name for name in CENSUS_COLUMNS if name not in CENSUS_NUMBERS + CENSUS_NO_INPUTS]
    rows = pd.read_csv(file, names=CENSUS_COLUMNS, skipinitialspace=True, dtype={name: str for name in categories}, keep_default_na=False,
                       na_values=["", "NA", "NaN", "nan", "null", "NULL"])
    fifth = rows.index.to_numpy() % 5
    labels = {"income": ("binary", (rows.income_class == "50000+.").astype(int)),
              "never_married": ("binary", (rows.marital_status == "Never married").astype(int))}
    networks = {"shared": partial(Shared, widths=[128, 64], dropout=0.1, tower=[64, 32]), "mmoe": Mmoe}
    return Source(rows, (fifth < 3, fifth == 3, fifth == 4), CENSUS_NUMBERS, True, None, categories, [], labels, networks)


def bucket_edges(values, most):
    """As include/espalier/data/bucket_edges.hpp: equal shares, but what fills an interval by itself has one of its own."""
    runs, counts = np.unique(values, return_counts=True)
    fills = counts * most >= len(values)
    full, rest, held, edges = int(fills.sum()), int(counts[~fills].sum()), 0, []
    for i, count in enumerate(counts):
        if len(edges) + 1 == most:
            break
        share = (rest + held) / max(most - len(edges) - full, 1)
        if i > 0 and (fills[i - 1] or fills[i] or held + 0.5 * count > share or len(runs) <= most):
            edges.append((runs[i - 1] + runs[i]) / 2)
            held = 0
        if fills[i]:
            full -= 1
        else:
            held, rest = held + count, rest - count
    return np.array(edges)


def normal_scores(values, train):
    """Of the middle of a value's places in the training split."""
    ordered = np.sort(train)
    middle = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    share = np.clip(middle / len(ordered), 0.5 / len(ordered), 1 - 0.5 / len(ordered))
    return torch.special.ndtri(torch.tensor(share)).numpy()


def standardised(values, train):
    return (values - train.mean()) / (train.std() or 1)


def encode(source, own_buckets):
    """Of all rows: {part of the inputs: its columns}, and {part: rows of each table}. Learnt from the training split."""
    train, rows, found, sizes = source.splits[0], source.rows, {}, {}
    numbers = rows[source.numbers].to_numpy(float)
    scaled = np.log1p(numbers) if source.log else numbers
    columns = lambda of, values: torch.tensor(np.stack([of(v, v[train]) for v in values.T], 1), dtype=torch.float32)
    found["numbers"] = columns(standardised, scaled)
    found["normal score"] = columns(normal_scores, numbers)
    most = source.buckets if own_buckets and source.buckets else [BUCKETS] * len(source.numbers)
    edges = [bucket_edges(numbers[train, i], most[i]) for i in range(len(most))]
    found["buckets"] = torch.tensor(np.stack([np.searchsorted(e, v, "right") for e, v in zip(edges, numbers.T)], 1))
    sizes["buckets"] = [len(e) + 1 for e in edges]
    for part, names in (("categories", source.categories), ("crosses", source.crosses)):
        if names:
            vocabularies = [pd.Index(rows.loc[train, name].dropna().unique()) for name in names]
            found[part] = torch.tensor(np.stack([of.get_indexer(rows[name]) + 1 for name, of in zip(names, vocabularies)], 1))
            sizes[part] = [len(of) + 1 for of in vocabularies]
    return found, sizes


def parts(sizes, variant, sigma, numbers):
    made = {"categories": Tables(sizes["categories"], WIDTH)}
    if "crosses" in sizes:
        made["crosses"] = Tables(sizes["crosses"], CROSS_WIDTH)
    if "buckets" in variant:
        made["buckets"] = Tables(sizes["buckets"], WIDTH)
    if "periodic" in variant:
        made["periodic"] = Periodic(numbers, sigma)
    return made


def losses(outputs, targets, objectives):
    return [F.binary_cross_entropy_with_logits(z, y) if objective == "binary" else 0.5 * F.mse_loss(z, y)
            for z, y, objective in zip(outputs.T, targets.T, objectives)]


def learn(source, network, found, sizes, variant, scale, sigma, seed):
    """The least validation loss, and the test split's figures at its epoch."""
    torch.manual_seed(seed)
    objectives = [objective for objective, _ in source.labels.values()]
    values = [value.to_numpy(float) for _, value in source.labels.values()]
    train = source.splits[0]
    units = [(0, 1) if objective == "binary" else (v[train].mean(), v[train].std()) for objective, v in zip(objectives, values)]
    targets = torch.tensor(np.stack([(v - mean) / unit for v, (mean, unit) in zip(values, units)], 1), dtype=torch.float32)
    inputs = {**found, "periodic": found["normal score" if scale == "normal score" else "numbers"]}
    places = [torch.tensor(np.flatnonzero(mask)) for mask in source.splits]
    batch = lambda at: {name: columns[at] for name, columns in inputs.items()}

    model = Model(network, len(objectives), len(source.numbers), parts(sizes, variant, sigma, len(source.numbers)))
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    predict = lambda at: torch.cat([average(batch(piece)) for piece in at.split(8192)])
    best, figures, step, worse, begin = math.inf, None, 0, 0, time.process_time()
    for epoch in range(1, EPOCHS + 1):
        for at in places[0][torch.randperm(len(places[0]))].split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            sum(losses(model(batch(at)), targets[at], objectives)).backward()
            optimizer.step()
            step += 1
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - min(DECAY, (1 + step) / (10 + step)))
        with torch.no_grad():
            loss = float(sum(losses(predict(places[1]), targets[places[1]], objectives)))
            worse = 0 if loss < best else worse + 1
            if loss < best:
                outputs = predict(places[2]).double().numpy()
                figures = {task: METRICS[objectives[k]][1](values[k][places[2]], outputs[:, k] * units[k][1] + units[k][0])
                           for k, task in enumerate(source.labels)}
                best, best_epoch = loss, epoch
        if worse == PATIENCE:
            break
    told = ", ".join(f"{task} {figure:.4f}" for task, figure in figures.items())
    print(f"==> {variant}{f', {scale}, σ {sigma}' if sigma else ''}, seed {seed}: validation {best:.4f} in epoch {best_epoch}, {told}; "
          f"{time.process_time() - begin:.0f} s of processor time", file=sys.stderr, flush=True)
    return best, figures


def main():
    parser = options(__doc__)
    parser.add_argument("set", choices=["adult", "census_income"])
    parser.add_argument("--own-buckets", action="store_true", help="as many buckets as examples/adult has, not 32 of each number (census_income has none: 32)")
    parser.add_argument("--model", choices=["shared", "mmoe"], default="shared", help="mmoe: of census_income alone (default: shared)")
    parser.add_argument("--scales", default=",".join(SCALES), help="what x is, some of: %(default)s")
    parser.add_argument("--sigmas", default=",".join(map(str, SIGMAS)), help="deviations of the frequencies at first (default: %(default)s)")
    parser.add_argument("--choose-by", type=int, default=1, metavar="SEEDS", help="seeds that scale and σ are chosen by (default: 1)")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="some of: %(default)s")
    arguments = parser.parse_args()
    for option, known in (("variants", VARIANTS), ("scales", SCALES)):
        if unknown := [name for name in getattr(arguments, option).split(",") if name not in known]:
            parser.error(f"--{option}: no '{unknown[0]}', expected some of {','.join(known)}")
    torch.set_num_threads(arguments.threads)
    source = {"adult": read_adult, "census_income": read_census_income}[arguments.set](arguments.data)
    if arguments.model not in source.networks:
        parser.error(f"--model {arguments.model}: {arguments.set} has {', '.join(source.networks)} alone")
    found, sizes = encode(source, arguments.own_buckets)
    print(f"==> train, validation, test: {[int(mask.sum()) for mask in source.splits]} rows; buckets: {sizes['buckets']}", file=sys.stderr)
    table = {}
    for variant in arguments.variants.split(","):
        settings = list(product(arguments.scales.split(","), map(float, arguments.sigmas.split(",")))) if "periodic" in variant else [(None, None)]
        run = lambda setting, seeds: [learn(source, source.networks[arguments.model], found, sizes, variant, *setting, seed) for seed in seeds]
        mean_loss = lambda runs: float(np.mean([loss for loss, _ in runs]))
        first = min(arguments.choose_by, arguments.seeds)
        tried = [run(setting, range(1, first + 1)) for setting in settings]
        (scale, sigma), runs = min(zip(settings, tried), key=lambda one: mean_loss(one[1]))
        runs += run((scale, sigma), range(first + 1, arguments.seeds + 1))
        name = f"{variant}{f' ({scale}, σ {sigma})' if sigma else ''}"
        table[name] = {task: [figures[task] for _, figures in runs] for task in source.labels}
        if arguments.json:
            print(json.dumps({"set": arguments.set, "inputs": name, "validation_loss": mean_loss(runs), "tasks": table[name]}), flush=True)
    if not arguments.json:
        print_table(table, source.labels)


if __name__ == "__main__":
    main()
