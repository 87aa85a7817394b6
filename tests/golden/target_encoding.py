#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the numbers in tests/data/test_target_encoding.cpp: means of a label by keys over a training split, out of fold and whole,
written from the description in include/espalier/data/target_encoding.hpp, with fractions instead of floating point."""
from fractions import Fraction

from hash_text import mix  # SplitMix64's output function

K = 3
work = ["clerk", "clerk", "sales", "clerk", "sales", "", "clerk", "sales", "", "clerk", "farm", "clerk"]
sex = ["f", "m", "f", "f", "m", "m", "f", "f", "m", "m", "f", "f"]
income = [1, 0, 1, None, 0, 1, 1, 0, 0, 0, 1, 1]
train = [11, 0, 3, 1, 2, 4, 5, 6, 7, 9]  # rows 8 and 10 are in no split: farm is unknown


def fold(row):
    return mix(mix(0xF01D5) ^ row) % K


def mean(row, keys, smoothing, rows):
    known = [r for r in rows if income[r] is not None]
    same = [r for r in known if all(column[r] == column[row] for column in keys)]
    of_all = Fraction(sum(income[r] for r in known), len(known))
    return (sum(income[r] for r in same) + smoothing * of_all) / (len(same) + smoothing)


print("folds", [fold(r) for r in range(12)])
for name, keys, smoothing in (("by work", [work], 20), ("by work and sex", [work, sex], Fraction(1, 1))):
    whole = [mean(r, keys, smoothing, train) for r in range(12)]
    out = [mean(r, keys, smoothing, [t for t in train if fold(t) != fold(r)]) if r in train else None for r in range(12)]
    print(name, "out of fold", ", ".join("missing" if x is None else f"{float(x):.17g}" for x in out))
    print(name, "whole split", ", ".join(f"{float(x):.17g}" for x in whole))
print("count by work", [sum(work[t] == work[r] for t in train) for r in range(12)])
