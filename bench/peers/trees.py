# SPDX-License-Identifier: Apache-2.0
"""What the peers of boosted trees share: a run of LightGBM for each task and seed, and a table of their figures."""
import argparse
import json
import os
import sys
import time
from pathlib import Path

try:
    import lightgbm
    import numpy as np
    import pandas as pd
except ImportError as error:
    sys.exit(f"{error.name} is not installed (pip install lightgbm pandas); boosted trees are left out")


def options(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", help="where the data set's folder is (else $ESPALIER_DATA, ./data, ../shared/data, ~/.cache/espalier)")
    parser.add_argument("--seeds", type=int, default=3, help="runs with seeds 1, 2, … (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of LightGBM (default: 1)")
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


def run(inputs, labels, splits, settings, seeds, threads, rounds, patience):
    """labels: {task: (objective, values)}; splits: masks of train, validation, test. {task: a figure for each seed}"""
    train, valid, test = splits
    figures = {}
    for task, (objective, values) in labels.items():
        name, metric = METRICS[objective]
        for seed in range(1, seeds + 1):
            data = lightgbm.Dataset(inputs[train], values[train])
            parameters = {**settings, "objective": objective, "metric": name.lower(), "seed": seed, "num_threads": threads, "verbose": -1}
            begin = time.process_time()
            model = lightgbm.train(parameters, data, rounds, [lightgbm.Dataset(inputs[valid], values[valid], reference=data)],
                                   callbacks=[lightgbm.early_stopping(patience, verbose=False)])
            figures.setdefault(task, []).append(metric(values[test], model.predict(inputs[test])))
            print(f"==> {task}, seed {seed}: {name} {figures[task][-1]:.4f}, {model.best_iteration} trees, "
                  f"{time.process_time() - begin:.0f} s of processor time", file=sys.stderr, flush=True)
    return figures


def report(rows, labels, as_json):
    """rows: {name: run()'s figures}"""
    metrics = {task: METRICS[objective][0] for task, (objective, _) in labels.items()}
    if as_json:
        for name, figures in rows.items():
            tasks = {task: {metrics[task].lower(): values} for task, values in figures.items()}
            print(json.dumps({"model": "lightgbm", "version": lightgbm.__version__, "inputs": name, "tasks": tasks}))
        return
    print("| | " + " | ".join(f"{task}, {metric}" for task, metric in metrics.items()) + " |")
    print("|---" * (1 + len(metrics)) + "|")
    for name, figures in rows.items():
        cells = [f"{np.mean(v):.4f} ± {np.std(v, ddof=1) if len(v) > 1 else 0:.4f}" for v in figures.values()]
        print(f"| LightGBM, {name} | " + " | ".join(cells) + " |")
