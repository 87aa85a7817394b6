# SPDX-License-Identifier: Apache-2.0
"""UCI Adult as examples/adult.cpp reads it, with pandas: rows, splits and labels."""
import pandas as pd

from real_data import find_file

COLUMNS = ["age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship", "race", "sex",
           "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"]
NUMBERS = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss"]
CATEGORIES = ["workclass", "education", "occupation", "relationship", "race", "sex", "native_country"]


def read(data):
    """The rows, and masks of train, validation and test."""
    one = lambda file: pd.read_csv(find_file(data, "adult", [file]), names=COLUMNS, skipinitialspace=True, na_values="?", comment="|")
    known, test = one("adult.data"), one("adult.test")
    rows = pd.concat([known, test], ignore_index=True)
    is_test = rows.index >= len(known)
    is_valid = ~is_test & (rows.index % 10 == 0)
    return rows, (~is_test & ~is_valid, is_valid, is_test)


def labels(rows):
    return {"income": ("binary", rows.income.str.startswith(">50K").astype(int)),
            "never_married": ("binary", (rows.marital_status == "Never-married").astype(int)),
            "hours": ("regression", rows.hours_per_week.astype(float))}
