# SPDX-License-Identifier: Apache-2.0
"""Tables and a picture of how times compare: a row a case, and what they come to."""
import math
import re
import statistics

import ratio_chart


def format_ms(value):
    return f"{value:.{5 if value < 0.01 else 4 if value < 0.1 else 3 if value < 10 else 1}f}"


def ratios_of(times):
    """ratios[peer][case]: the peer's median over ours, which are times["espalier"]."""
    mine = {case: statistics.median(values) for case, values in times["espalier"].items()}
    return {name: {case: statistics.median(of[case]) / mine[case] for case in mine if case in of}
            for name, of in times.items() if name != "espalier"}


def table(times, counters, ratios):
    """Rows of text, the header first."""
    rows = [["case", "espalier, ms", "of the floor"] + [cell for peer in ratios for cell in (f"{peer}, ms", "×")]]
    for name, ours in times["espalier"].items():
        floor = statistics.median(counters[name]) if name in counters else None
        row = [name, format_ms(statistics.median(ours)), "" if floor is None else f"{floor:.2f}"]
        for peer, of in ratios.items():
            row += [format_ms(statistics.median(times[peer][name])), f"{of[name]:.2f}"] if name in of else ["–", "–"]
        rows.append(row)
    return rows


def fastest_forms(ratios):
    """Of each library (the first word of a peer's name) its fastest form in each case."""
    best = {}
    for peer, of in ratios.items():
        for case, ratio in of.items():
            mine = best.setdefault(peer.split(" ")[0], {})
            mine[case] = min(ratio, mine.get(case, ratio))
    return best


def ratios_in(text, kind):
    """The ratios of a page's tables whose cases are of this kind, as ratios_of() gives them."""
    ratios, peers = {}, None
    for line in text.split("\n"):
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells or cells[0] == "case":
            is_ours = cells[1:3] == ["espalier, ms", "of the floor"] and set(cells[4::2]) == {"×"}
            peers = [cell.removesuffix(", ms") for cell in cells[3::2]] if is_ours else None
        elif peers and cells[0].startswith(kind + "/"):
            for peer, ratio in zip(peers, cells[4::2]):
                if ratio not in ("", "–"):
                    ratios.setdefault(peer, {})[cells[0]] = float(ratio)
    return ratios


def group_of(case):
    """What a product is summed up with: its kind and threads, few outputs (towers, gates) apart."""
    found = re.match(r"Matmul/(\w+)/batch:\d+/in:\d+/out:(\d+)/threads:(\d+)", case)
    if not found:
        return "all"
    kind, outputs, threads = found.groups()
    width = "outputs ≤ 16" if int(outputs) <= 16 else "outputs ≥ 64"
    return f"{kind.replace('_', ' ')}, {width}, {threads} thread{'' if threads == '1' else 's'}"


def groups_of(ratios):
    """groups[name][peer]: (geometric mean, lowest ratio, its case). Latencies' 99 % are left out."""
    groups = {}
    for peer, of in ratios.items():
        parts = {}
        for case, ratio in of.items():
            if not case.endswith("p99"):
                for group in {"all", group_of(case)}:
                    parts.setdefault(group, []).append((ratio, case))
        for name, pairs in parts.items():
            mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _ in pairs))
            groups.setdefault(name, {})[peer] = (mean, *min(pairs))
    groups["all"] = groups.pop("all", {})  # last
    return groups


def summary(ratios):
    """Rows of text: the geometric mean and the lowest ratio against each peer."""
    rows = [["", "peer", "geometric mean", "lowest", "where"]]
    for name, peers in groups_of(ratios).items():
        rows += [[name, peer, f"{mean:.2f}", f"{least:.2f}", case] for peer, (mean, least, case) in peers.items()]
    return rows


def picture(kind, ratios, lines):
    """Bars: a case each, or, of products, a group each with its lowest ratio as a tick."""
    titles = {"TrainStep": "A training step", "Infer": "One sample's prediction", "Matmul": "Products", "Loss": "Losses"}
    if kind == "Matmul":
        rows = [(name, {peer: (mean, least) for peer, (mean, least, _) in peers.items()})
                for name, peers in groups_of(ratios).items()]
        lines = [*lines, "Bars: the geometric mean. Ticks: the lowest."]
    else:
        cases = list(dict.fromkeys(case for of in ratios.values() for case in of))
        rows = [(case.removeprefix(kind + "/"), {p: (of[case], None) for p, of in ratios.items() if case in of})
                for case in cases]
    return ratio_chart.svg(f"{titles[kind]}: espalier beside its peers", lines, rows)


def numeric(rows):
    """Which columns are numbers."""
    return [all(re.fullmatch(r"[\d.]+|–|", row[i]) for row in rows[1:]) for i in range(len(rows[0]))]


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    numbers = numeric(rows)
    for row in rows:
        cells = [cell.rjust(w) if n else cell.ljust(w) for cell, w, n in zip(row, widths, numbers)]
        print("  ".join(cells).rstrip())


def markdown(rows, code):
    """A table; `code`: the columns that are names of cases."""
    text = "| " + " | ".join(rows[0]) + " |\n|" + "|".join("---:" if n else "---" for n in numeric(rows)) + "|\n"
    for row in rows[1:]:
        text += "| " + " | ".join(f"`{cell}`" if i in code else cell for i, cell in enumerate(row)) + " |\n"
    return text
