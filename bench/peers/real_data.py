# SPDX-License-Identifier: Apache-2.0
"""What the peers share that learn from the examples' data sets: options, files, metrics, and a table of figures."""
import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def options(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", help="where the data set's folder is (else $ESPALIER_DATA, ./data, ../shared/data, ~/.cache/espalier)")
    parser.add_argument("--seeds", type=int, default=3, help="runs with seeds 1, 2, … (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the peer (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each row instead of the table")
    return parser


def find_file(given, name, files, layouts=()):
    """The first of `files`, plain or .gz, that is in one of the folders where the examples look for data set `name`."""
    folders = [given] if given else [os.environ.get("ESPALIER_DATA"), "data", "../shared/data", Path.home() / ".cache" / "espalier"]
    for folder in filter(None, folders):
        for layout in (name, "", *layouts):
            for file in files:
                for path in (Path(folder, layout, file), Path(folder, layout, file + ".gz")):
                    if path.is_file():
                        return path
    sys.exit(f"no {files[0]} in {', '.join(str(f) for f in folders if f)}: scripts/fetch-data {name} downloads it, or give its folder with --data")


def auc(labels, scores):
    """The share of pairs, one positive and one negative, that the scores order rightly; ties count half."""
    ranks = pd.Series(scores).rank().to_numpy()
    positive = np.asarray(labels) > 0
    ones, zeros = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def rmse(labels, values):
    return float(np.sqrt(np.mean((np.asarray(labels) - values) ** 2)))


METRICS = {"binary": ("AUC", auc), "regression": ("RMSE", rmse)}


def print_table(rows, labels):
    """rows: {name: {task: a figure for each seed}}; labels: {task: (objective, values)}"""
    print("| | " + " | ".join(f"{task}, {METRICS[objective][0]}" for task, (objective, _) in labels.items()) + " |")
    print("|---" * (1 + len(labels)) + "|")
    for name, figures in rows.items():
        cells = [f"{np.mean(v):.4f} ± {np.std(v, ddof=1) if len(v) > 1 else 0:.4f}" for v in figures.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
