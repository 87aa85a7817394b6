#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boosted trees on KuaiRand-Pure: the rows, splits and inputs of examples/short_video (ids of users, videos and authors apart, which
trees know by their statistics), one LightGBM for each task. Prints the test split's figures in the form of docs/tables.md.
Another order of the columns, of which each tree draws half, moves the AUC by up to 0.001: more than another seed.

    trees_kuairand.py [--inputs static,session,earlier_days] [--seeds N] [--threads N] [--json]
    trees_kuairand.py --check COLUMNS.csv      is what pandas makes of the rows before what espalier makes of them?
                                               build/bench/kuairand_columns COLUMNS.csv writes espalier's"""
import sys

from trees import np, pd, report, run
import kuairand_columns as kuairand
from real_data import options

GROUPS = {"static": kuairand.static, "session": kuairand.session, "earlier_days": kuairand.earlier_days}
SETTINGS = {"learning_rate": 0.05, "num_leaves": 63, "min_data_in_leaf": 100, "feature_fraction": 0.5, "bagging_fraction": 0.8,
            "bagging_freq": 1, "lambda_l2": 10}


def check(rows, file):
    """Equal, or apart by less than 1e-12 of themselves: sums are taken in another order."""
    made = pd.concat([kuairand.earlier_days(rows), kuairand.session(rows)], axis=1).sort_index()
    ours = pd.read_csv(file)
    if len(ours) != len(made):
        sys.exit(f"{file} has {len(ours)} rows, expected {len(made)}")
    worst = {}
    for name in made:
        a, b = made[name].to_numpy(float), ours[name].to_numpy(float)
        if (np.isnan(a) != np.isnan(b)).any():
            sys.exit(f"{name}: missing in other rows, {np.isnan(b).sum()} of them, expected {np.isnan(a).sum()}")
        there = ~np.isnan(a)
        worst[name] = np.max(np.abs(a - b)[there] / np.maximum(np.abs(a[there]), 1e-300), initial=0.0)
    name = max(worst, key=worst.get)
    print(f"{len(made)} rows, {len(made.columns)} columns: the largest relative difference is {worst[name]:.1e}, of {name}")
    sys.exit(0 if worst[name] <= 1e-12 else 1)


def main():
    parser = options(__doc__)
    parser.add_argument("--inputs", default="static,session,earlier_days", help="groups of inputs: static, session, earlier_days (default: all)")
    parser.add_argument("--check", metavar="COLUMNS.csv", help="train nothing, compare columns")
    arguments = parser.parse_args()
    groups = arguments.inputs.split(",")
    if unknown := [group for group in groups if group not in GROUPS]:
        parser.error(f"--inputs: no group '{unknown[0]}', expected some of {', '.join(GROUPS)}")
    rows = kuairand.read(arguments.data)
    if arguments.check:
        check(rows, arguments.check)
    inputs = pd.concat([GROUPS[group](rows) for group in groups], axis=1)
    labels = {"click": ("binary", rows.is_click), "long_view": ("binary", rows.long_view), "watch": ("regression", rows.log_watch_seconds)}
    splits = kuairand.splits(rows)
    print(f"==> {inputs.shape[1]} inputs; train {splits[0].sum()}, validation {splits[1].sum()}, test {splits[2].sum()} rows", file=sys.stderr)
    figures = run(inputs, labels, splits, SETTINGS, arguments.seeds, arguments.threads, rounds=600, patience=40)
    report({" + ".join(groups).replace("_", " "): figures}, labels, arguments.json)


if __name__ == "__main__":
    main()
