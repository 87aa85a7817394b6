#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the metrics: from scikit-learn, else by brute force over all orders of ties.

python3 tests/golden/metrics.py      # writes tests/metrics/golden.inc; needs numpy and scikit-learn
"""

import itertools
import math

import golden_file
import numpy as np
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

rng = np.random.default_rng(20240607)
n, users, classes = 60, 7, 3

label = (rng.random(n) < 0.4).astype(float)
score = np.clip(
    np.round(0.35 + 0.25 * label + 0.25 * rng.standard_normal(n), 1), 0, 1
)  # many ties, 0 and 1 occur
probability = np.round(np.clip(0.33 + 0.3 * label + 0.2 * rng.standard_normal(n), 0.012, 0.987), 3)
probability = np.where(
    np.isclose((probability * 10) % 1, 0), probability + 0.003, probability
)  # off the bins' edges
weight = np.round(rng.uniform(0.1, 3, n), 2)
user = rng.integers(0, users, n)
label[user == 3] = 0  # a user without a positive
missing = rng.random(n) < 0.15
target = np.round(2 + 3 * rng.standard_normal(n), 2)
predicted = np.round(target + rng.standard_normal(n), 2)
count = rng.poisson(2.0, n).astype(float)
rate = np.round(np.clip(count * 0.5 + rng.uniform(0.1, 2, n), 0.05, None), 2)
klass = rng.integers(0, classes, n).astype(float)
logits = np.round(rng.standard_normal((n, classes)) + 1.2 * np.eye(classes)[klass.astype(int)], 2)
grade = rng.integers(0, 4, n).astype(float)
grade[user == 5] = 0  # a user without a relevant sample

seen = ~missing

# Ranking by user: brute force over all orders of ties wants few samples a user.
small = slice(0, 40)
score_small, grade_small, user_small = score[small], grade[small], user[small]


def array(name, values):
    cells = ["none" if math.isnan(v) else repr(float(v)) for v in np.asarray(values, float).ravel()]
    lines = [", ".join(cells[i : i + 12]) for i in range(0, len(cells), 12)]
    print(f"const std::vector<double> {name}{{" + ",\n    ".join(lines) + "};")


def value(name, v):
    print(f"const double expected_{name} = {float(v)!r};")


def with_missing(values):
    out = values.astype(float).copy()
    out[missing] = np.nan
    return out


def ece(p, y, w, bins=10):
    """Not from scikit-learn: its calibration_curve has neither weights nor counts."""
    at = np.minimum((p * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        m = at == b
        if m.any():
            total += w[m].sum() * abs(
                np.average(y[m], weights=w[m]) - np.average(p[m], weights=w[m])
            )
    return total / w.sum()


def orders(s):
    """Every ranking that agrees with the scores."""
    runs = [list(np.flatnonzero(s == v)) for v in sorted(set(s), reverse=True)]
    for parts in itertools.product(*(itertools.permutations(r) for r in runs)):
        yield [i for part in parts for i in part]


def by_user(fn):
    values = [
        fn(score_small[user_small == u], grade_small[user_small == u])
        for u in sorted(set(user_small))
    ]
    values = [v for v in values if v is not None]
    return np.mean(values), len(values)


def recall_at(k):
    def fn(s, y):
        if not (y > 0).any():
            return None
        return np.mean([(y[o[:k]] > 0).sum() / (y > 0).sum() for o in orders(s)])

    return fn


def ndcg_at(k, gain):
    def fn(s, y):
        if not (y > 0).any():
            return None
        discount = 1 / np.log2(np.arange(len(y)) + 2)
        g = gain(y)
        top = np.sum(np.sort(g)[::-1][:k] * discount[:k])
        value = np.mean([np.sum(g[o[:k]] * discount[: len(o[:k])]) for o in orders(s)]) / top
        if gain(2.0) == 2.0:
            assert abs(value - sk.ndcg_score([y], [s], k=k)) < 1e-12
        return value

    return fn


def main():
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by tests/golden/metrics.py; do not edit.\n")
    print("// clang-format off")
    print("namespace golden {\n")
    print("constexpr double none = std::numeric_limits<double>::quiet_NaN();")
    for name in (
        "score",
        "probability",
        "weight",
        "target",
        "predicted",
        "count",
        "rate",
        "logits",
        "grade",
    ):
        array(name, globals()[name])
    array("label", with_missing(label))
    array("target_label", with_missing(target))
    array("count_label", with_missing(count))
    array("klass", with_missing(klass))
    print("const std::vector<std::int32_t> user{" + ", ".join(map(str, user)) + "};\n")

    y, s, p, w = label[seen], score[seen], probability[seen], weight[seen]
    for suffix, weights in (("", None), ("_weighted", w)):
        ones = np.ones_like(y) if weights is None else weights
        value("roc_auc" + suffix, sk.roc_auc_score(y, s, sample_weight=weights))
        value("pr_auc" + suffix, sk.average_precision_score(y, s, sample_weight=weights))
        value("log_loss" + suffix, sk.log_loss(y, p, sample_weight=weights))
        value(
            "log_loss_clipped" + suffix, sk.log_loss(y, s, sample_weight=weights)
        )  # 0 and 1 are clipped
        for threshold in (0.5, 0.3):
            at = (p >= threshold).astype(float)
            t = f"_{int(threshold * 100)}{suffix}"
            value("accuracy" + t, sk.accuracy_score(y, at, sample_weight=weights))
            value("precision" + t, sk.precision_score(y, at, sample_weight=weights))
            value("recall" + t, sk.recall_score(y, at, sample_weight=weights))
            value("f1" + t, sk.f1_score(y, at, sample_weight=weights))
        value("ece" + suffix, ece(p, y, ones))
        value("ratio" + suffix, np.sum(ones * p) / np.sum(ones * y))
        value(
            "rmse" + suffix,
            sk.root_mean_squared_error(target[seen], predicted[seen], sample_weight=weights),
        )
        value(
            "mae" + suffix,
            sk.mean_absolute_error(target[seen], predicted[seen], sample_weight=weights),
        )
        value("r2" + suffix, sk.r2_score(target[seen], predicted[seen], sample_weight=weights))
        value(
            "poisson_deviance" + suffix,
            sk.mean_poisson_deviance(count[seen], rate[seen], sample_weight=weights),
        )
        softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        value(
            "class_log_loss" + suffix,
            sk.log_loss(klass[seen], softmax[seen], sample_weight=weights),
        )
        value(
            "class_accuracy" + suffix,
            sk.accuracy_score(klass[seen], logits[seen].argmax(1), sample_weight=weights),
        )
        aucs, shares = [], []
        for u in range(users):
            m = user[seen] == u
            if 0 < y[m].sum() < m.sum():
                aucs.append(
                    sk.roc_auc_score(y[m], s[m], sample_weight=None if weights is None else w[m])
                )
                shares.append(ones[m].sum())
        value("gauc" + suffix, np.average(aucs, weights=shares))
        value("gauc_counted" + suffix, len(aucs))
        base = np.full_like(y, np.average(y, weights=ones))
        value("constant_log_loss" + suffix, sk.log_loss(y, base, sample_weight=weights))
        mean = np.full_like(y, np.average(target[seen], weights=ones))
        value(
            "constant_rmse" + suffix,
            sk.root_mean_squared_error(target[seen], mean, sample_weight=weights),
        )
        value(
            "constant_mae" + suffix,
            min(np.average(abs(target[seen] - m), weights=ones) for m in target[seen]),
        )

    print()
    true, pred = calibration_curve(y, p, n_bins=10)
    array("reliability_label", true)
    array("reliability_prediction", pred)

    print("const std::size_t ranking_size = 40;")
    for k in (1, 3, 10):
        v, counted = by_user(ndcg_at(k, lambda g: g))
        value(f"ndcg_{k}", v)
        value(f"ndcg_{k}_exponential", by_user(ndcg_at(k, lambda g: 2.0**g - 1))[0])
        value(f"recall_{k}", by_user(recall_at(k))[0])
    value("ranking_counted", counted)
    print("\n}  // namespace golden")


golden_file.write("metrics/golden.inc", main)
