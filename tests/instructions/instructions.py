#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of a training step and of an inference, and holds them against a budget: a regression shows
without a clock. Counted by valgrind, as the difference between a run of 2 and one of 6, so that setting up is left out.

    instructions.py <program made of count_me.cpp> <compiler, e.g. GNU-12>     checks against budgets.txt
    instructions.py <program> <compiler> --update                            writes the budgets that were found

Exit status 77 with a sentence where nothing can be counted: no valgrind, no AVX2, a compiler without budgets."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

BUDGETS = Path(__file__).with_name("budgets.txt")
MARGIN = 1.05  # of a budget


def skip(sentence):
    print("skipped:", sentence)
    sys.exit(77)


def total(program, case, times):
    done = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                           program, case, str(times)], capture_output=True, text=True, check=False)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"error: valgrind could not run {program} {case}:\n{done.stderr}")
    return int(found[1].replace(",", ""))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, compiler = sys.argv[1:3]
    update = sys.argv[3:] == ["--update"]
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    if "avx2" not in Path("/proc/cpuinfo").read_text().split():
        skip("this machine has no AVX2, for which the counts are")
    budgets = {}
    for line in BUDGETS.read_text().splitlines():
        if line and not line.startswith("#"):
            name, case, count = line.split()
            budgets[name, case] = int(count)
    if not update and compiler not in {name for name, _ in budgets}:
        skip(f"there are no budgets for {compiler}")

    failed = False
    for case in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
        count = (total(program, case, 6) - total(program, case, 2)) // 4
        budget = budgets.get((compiler, case))
        verdict = "no budget" if budget is None else f"{count / budget:.3f} of the budget"
        if not update and (budget is None or count > MARGIN * budget):
            verdict += "  TOO MANY"
            failed = True
        print(f"{case:32} {count:>12,}  {verdict}", flush=True)
        budgets[compiler, case] = count
    if update:
        comment = [line for line in BUDGETS.read_text().splitlines() if line.startswith("#")]
        lines = [f"{name} {case} {count}" for (name, case), count in sorted(budgets.items())]
        BUDGETS.write_text("\n".join(comment + lines) + "\n")
    elif failed:
        sys.exit("more instructions than before; if that is meant, run this with --update")


if __name__ == "__main__":
    main()
