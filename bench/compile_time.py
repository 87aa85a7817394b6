#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one more sharing architecture costs a program's compilation.

python3 bench/compile_time.py [--compiler CXX] [--runs N] [--only NAME …] [--added] [--prefix COMMAND]

Measures each sharing architecture; scripts/compile-time measures README's program and the header against limits.
Compiles, without a cache and with -O2, README's program with SharedBottom; the same with another architecture in its
place; and the same with both, each trained and evaluated. Prints processor seconds (the best of N rounds) and peak memory,
and what the second architecture adds; each row in the last round, when it is measured. The last lines: espalier.hpp alone,
and all headers of architectures with none used. Exits with 1 where one adds more than --limit seconds. For figures to
report, leave the machine idle, and use several rounds.
"""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARING = {
    "Mmoe": ("", "esp::Mmoe<8, esp::Mlp<128, 64>>"),
    "SingleTask": ("", "esp::SingleTask<esp::Mlp<128, 64>>"),
    "Branches": ("branches", 'esp::Branches<esp::Mlp<128>, esp::Branch<esp::Mlp<64>, "click", "buy">>'),
    "CrossStitch": ("cross_stitch", "esp::CrossStitch<esp::Mlp<128>, esp::Mlp<64>>"),
    "OneGateMoe": ("one_gate_moe", "esp::OneGateMoe<8, esp::Mlp<128, 64>>"),
    "DselectK": ("dselect_k", "esp::DselectK<8, 2, esp::Mlp<128, 64>>"),
    "Cgc": ("ple", "esp::Cgc<2, 2, esp::Mlp<128, 64>>"),
    "Ple": ("ple", "esp::Ple<2, 2, esp::Mlp<128>, esp::Mlp<64>>"),
    "AdaTT": ("adatt", "esp::AdaTT<2, 1, esp::Mlp<128>, esp::Mlp<64>>"),
    "Stem": ("stem", "esp::Stem<2, 1, esp::Mlp<128, 64>>"),
    "Mtan": ("mtan", "esp::Mtan<esp::Mlp<128>, esp::Mlp<64>>"),
    "SubNetworkRouting": ("sub_network_routing", "esp::SubNetworkRouting<4, esp::Mlp<128>, esp::Mlp<64>>"),
    "PepNet": ("pepnet", 'esp::PepNet<esp::Domain<"movie">, esp::Person<"user">, 128, 64>'),
    "Star": ("star", 'esp::Star<"movie", 9, esp::Mlp<128, 64>>'),
    "Home": ("home", 'esp::Home<2, 8, 128, 64, esp::Category<"click", "buy">, esp::Category<"content">>'),
    "MetaHeac": ("meta_heac", "esp::MetaHeac<4, 2, 8, esp::Mlp<128, 64>>"),
    "Esmm": ("esmm", 'esp::Esmm<esp::Mlp<128, 64>, "click", "buy">'),
    "Escm2": ("escm2", 'esp::Escm2<esp::Mlp<128, 64>, esp::Dr<>, "click", "buy">'),
    "Aitm": ("aitm", 'esp::Aitm<esp::Mlp<128, 64>, "click", "buy">'),
    "Dbmtl": ("dbmtl", 'esp::Dbmtl<esp::Mlp<128, 64>, esp::Mlp<32>, esp::Reads<"buy", "click">>'),
    "Hmoe": ("hmoe", 'esp::Hmoe<esp::Mmoe<8, esp::Mlp<128, 64>>, "click", "buy">'),
}
BASE = ("", "esp::SharedBottom<esp::Mlp<128, 64>>")


def readme():
    """README's program: what stands before the model, the model's tasks, what is trained."""
    text = re.search(r"^```cpp\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S).group(1)
    head, tasks, body = re.fullmatch(
        r"(.*?)struct Model\s*: esp::MultiTaskModel<Inputs, .*?>>, ([\w, ]+)> \{\};\n(.*)", text, re.S).groups()
    read, train = re.fullmatch(r"\s*int main\(\) \{\n(.*?\n)(  esp::Trainer<Model>.*)\}\n", body, re.S).groups()
    return head, tasks, read, train


def program(*architectures):
    head, tasks, read, train = readme()
    text = "".join(f"#include <espalier/describe/sharing/{header}.hpp>\n" for header, _ in architectures if header) + head
    for i, (_, sharing) in enumerate(architectures):
        name = "Model" if i == 0 else f"Model{i}"
        text += f"struct {name} : esp::MultiTaskModel<Inputs, {sharing}, {tasks}> {{}};\n"
    text += f"int main() {{\n{read}"
    for i in range(len(architectures)):
        text += "  {\n" + (train if i == 0 else train.replace("Trainer<Model>", f"Trainer<Model{i}>")) + "  }\n"
    return text + "}\n"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--only", nargs="+", choices=SHARING, default=list(SHARING), metavar="NAME")
    options.add_argument("--added", action="store_true", help="leave out the programs with one architecture but SharedBottom")
    options.add_argument("--limit", type=float, default=1.5, help="seconds that one more architecture may take")
    options.add_argument("--include", default=str(ROOT / "include"), help="espalier's headers, such as another checkout's")
    options.add_argument("--prefix", default="", help="a command in front of each compilation")
    o = options.parse_args()
    if o.runs < 1:
        options.error(f"--runs is {o.runs}, expected a number from 1")
    try:
        eigen = subprocess.run(["pkg-config", "--cflags-only-I", "eigen3"], capture_output=True, text=True).stdout.split()
    except OSError:
        eigen = []
    eigen = [f.replace("-I", "-isystem", 1) for f in eigen] or ["-isystem", "/usr/include/eigen3"]
    os.environ["CCACHE_DISABLE"] = "1"

    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "program.cpp"

        def measure(text):
            source.write_text(text)
            command = [o.compiler, "-std=c++20", "-O2", f"-I{o.include}", *eigen, "-c", str(source), "-o", f"{folder}/out.o"]
            # A process of its own each time: the peak memory is that of all children so far.
            child = ("import resource, subprocess, sys\n"
                     "status = subprocess.run(sys.argv[1:]).returncode\n"
                     "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
                     "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)\n"
                     "sys.exit(status)")
            run = subprocess.run([*shlex.split(o.prefix), sys.executable, "-c", child, *command],
                                 stdout=subprocess.PIPE, text=True)
            if run.returncode != 0:
                sys.exit(f"compile_time: a program does not compile:\n{text}")
            return tuple(map(float, run.stdout.split()))

        include = "#include <espalier/espalier.hpp>\n"
        programs = {"SharedBottom": program(BASE),
                    "SharedBottom, another one": program(BASE, (BASE[0], BASE[1].replace("64", "32")))}
        for name in o.only:
            if not o.added:
                programs[name] = program(SHARING[name])
            programs["SharedBottom, " + name] = program(BASE, SHARING[name])
        programs["espalier.hpp alone"] = include
        programs["espalier.hpp, all.hpp"] = include + "#include <espalier/describe/sharing/all.hpp>\n"
        # In rounds: a machine that slows down or speeds up on the way does so for all.
        best, over = {}, []

        def print_row(name):
            seconds, memory = best[name]
            added = seconds - best["SharedBottom"][0] if name.startswith("SharedBottom, ") else None
            print(f"{name:30s} {seconds:8.2f} {memory:5.0f} {'' if added is None else f'{added:+7.2f}'}", flush=True)
            if added is not None and added > o.limit:
                over.append(name)

        print(f"{'program':30s} {'seconds':>8s} {'MiB':>5s} {'added':>7s}", flush=True)
        for number in range(o.runs):
            for name, text in programs.items():
                found = measure(text)
                best[name] = min(best.get(name, found), found)
                if number == o.runs - 1:
                    print_row(name)
                elif sys.stderr.isatty():
                    print(f"round {number + 1} of {o.runs}: {name}", file=sys.stderr)
    if over:
        sys.exit(f"compile_time: more than {o.limit} s for one more architecture: {', '.join(over)}")


main()
