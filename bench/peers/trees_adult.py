#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boosted trees on UCI Adult: the rows, splits and inputs of examples/adult, one LightGBM for each task. Prints the test split's
figures in the form of docs/tables.md. Nothing is drawn at random with these settings: seeds give the same trees.

    trees_adult.py [--data FOLDER] [--threads N] [--json]"""
from trees import pd, report, run
import adult_columns as adult
from real_data import options


def main():
    parser = options(__doc__)
    parser.set_defaults(seeds=1)
    arguments = parser.parse_args()
    rows, splits = adult.read(arguments.data)
    inputs = rows[adult.NUMBERS + adult.CATEGORIES].copy()
    for name in adult.CATEGORIES:
        inputs[name] = inputs[name].astype(pd.CategoricalDtype(sorted(inputs.loc[splits[0], name].dropna().unique())))
    labels = adult.labels(rows)
    figures = run(inputs, labels, splits, {"learning_rate": 0.05}, arguments.seeds, arguments.threads, rounds=2000, patience=50)
    report({"its inputs": figures}, labels, arguments.json)


if __name__ == "__main__":
    main()
