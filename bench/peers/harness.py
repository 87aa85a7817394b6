# SPDX-License-Identifier: Apache-2.0
"""As much of Google Benchmark's command line as scripts/compare needs, for peers that are Python."""
import argparse
import json
import re
import statistics
import sys
import time


def main(description, forms, cases, context):
    """cases(form): (name, unit, prepare) of each case; prepare() makes the work to be timed, a function."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--form", choices=forms, default=forms[0])
    parser.add_argument("--benchmark_filter", default=".")
    parser.add_argument("--benchmark_min_time", type=float, default=0.5)
    parser.add_argument("--benchmark_format", choices=["console", "json"], default="console")
    arguments = parser.parse_args()
    found = []
    for name, unit, prepare in cases(arguments.form):
        if not re.search(arguments.benchmark_filter, name):
            continue
        work = prepare()
        for _ in range(5):
            work()
        times, begin = [], time.perf_counter()
        while not times or time.perf_counter() - begin < arguments.benchmark_min_time:
            at = time.perf_counter()
            work()
            times.append(time.perf_counter() - at)
        scale = {"ms": 1e3, "us": 1e6}[unit]
        case = {"name": name, "iterations": len(times), "real_time": scale * sum(times) / len(times), "time_unit": unit}
        if "batch:1/" in name:
            case["p50_us"] = 1e6 * statistics.median(times)
            case["p99_us"] = 1e6 * sorted(times)[int(0.99 * (len(times) - 1))]
        found.append(case)
        if arguments.benchmark_format == "console":
            print(f"{name:48} {case['real_time']:10.3f} {unit}", flush=True)
    if arguments.benchmark_format == "json" and found:
        json.dump({"context": {**context, "form": arguments.form}, "benchmarks": found}, sys.stdout)
