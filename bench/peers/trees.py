# SPDX-License-Identifier: Apache-2.0
"""What the peers of boosted trees share: a run of LightGBM for each task and seed, and a table of their figures."""
import json
import sys
import time

try:
    import lightgbm
    import numpy as np
    import pandas as pd
except ImportError as error:
    sys.exit(f"{error.name} is not installed (pip install lightgbm pandas); boosted trees are left out")

from real_data import METRICS, print_table


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
    if not as_json:
        return print_table({f"LightGBM, {name}": figures for name, figures in rows.items()}, labels)
    for name, figures in rows.items():
        tasks = {task: {METRICS[labels[task][0]][0].lower(): values} for task, values in figures.items()}
        print(json.dumps({"model": "lightgbm", "version": lightgbm.__version__, "inputs": name, "tasks": tasks}))
