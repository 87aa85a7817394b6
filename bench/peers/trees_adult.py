#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boosted trees on UCI Adult: the rows, splits and inputs of examples/adult, one LightGBM for each task. Prints the test split's
figures in the form of docs/tables.md. Nothing is drawn at random with these settings: seeds give the same trees.

    trees_adult.py [--data FOLDER] [--threads N] [--json]"""
from trees import find_file, options, pd, report, run

COLUMNS = ["age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship", "race", "sex",
           "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"]
NUMBERS = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss"]
CATEGORIES = ["workclass", "education", "occupation", "relationship", "race", "sex", "native_country"]


def main():
    parser = options(__doc__)
    parser.set_defaults(seeds=1)
    arguments = parser.parse_args()
    read = lambda file: pd.read_csv(find_file(arguments.data, "adult", [file]), names=COLUMNS, skipinitialspace=True, na_values="?", comment="|")
    known, test = read("adult.data"), read("adult.test")
    rows = pd.concat([known, test], ignore_index=True)
    is_test = rows.index >= len(known)
    is_valid = ~is_test & (rows.index % 10 == 0)
    is_train = ~is_test & ~is_valid
    inputs = rows[NUMBERS + CATEGORIES].copy()
    for name in CATEGORIES:
        inputs[name] = inputs[name].astype(pd.CategoricalDtype(sorted(inputs.loc[is_train, name].dropna().unique())))
    labels = {"income": ("binary", rows.income.str.startswith(">50K").astype(int)),
              "never_married": ("binary", (rows.marital_status == "Never-married").astype(int)),
              "hours": ("regression", rows.hours_per_week.astype(float))}
    figures = run(inputs, labels, (is_train, is_valid, is_test), {"learning_rate": 0.05}, arguments.seeds, arguments.threads, rounds=2000, patience=50)
    report({"its inputs": figures}, labels, arguments.json)


if __name__ == "__main__":
    main()
