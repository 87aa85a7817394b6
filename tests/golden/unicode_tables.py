#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes include/espalier/text/unicode_tables.hpp: what BERT's text cleaning does with each code point.

    pip install tokenizers

The reference is asked about each code point by itself; where it differs from this Python's unicodedata, which has
another version of Unicode, the reference wins, and the number of differences is printed."""

import unicodedata

from tokenizers import __version__
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

import golden_file

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)


def normalizer(**on):
    options = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    call = BertNormalizer(**{**options, **on}).normalize_str
    return lambda text: call(text)


clean, chinese = normalizer(clean_text=True), normalizer(handle_chinese_chars=True)
strip, lower = normalizer(strip_accents=True), normalizer(lowercase=True)
nfd = NFD().normalize_str
pre_tokenizer = BertPreTokenizer()


def parts(c):
    """How the words are cut around a code point: 1 it is a letter, 2 white space, 3 punctuation."""
    return len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "b"))


def swaps(first, second):
    """Whether canonical ordering exchanges two characters: 0 < class of the second < class of the first."""
    return first != second and nfd(first + second) == second + first


def is_nonstarter(text):
    return swaps("\u0345", text) or swaps(text, "\u0334")  # of classes 240 and 1, the largest and the smallest


def combining_class(c, known):
    """The canonical combining class that the reference has; `known` has one character of each class."""
    text = chr(c)
    if not is_nonstarter(text):
        return 0
    below = [k for k, other in known.items() if swaps(text, other)]
    above = [k for k, other in known.items() if swaps(other, text)]
    equal = set(known) - set(below) - set(above)
    assert len(equal) == 1, (hex(c), equal)
    return equal.pop()


def ranges(codes):
    out = []
    for c in codes:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def print_list(declaration, items, note):
    print(f"\n/// {note}\ninline constexpr {declaration}[] = {{")
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 100:
            print(line)
            line = "   "
        line += f" {item},"
    print(line + "\n};")


def print_ranges(name, codes, note):
    print_list(f"CodeRange {name}", [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(codes)], note)


def lower_runs(pairs):
    """Runs [first, last, step, difference] of code points whose lower case is at the same distance."""
    runs = []
    for c, to in pairs:
        if runs and runs[-1][3] == to - c:
            run = runs[-1]
            step = c - run[1]
            if step <= 2 and (run[0] == run[1] or run[2] == step):
                run[1], run[2] = c, step
                continue
        runs.append([c, c, 1, to - c])
    return runs


def base_runs(pairs):
    """Runs of code points whose base is one character; gaps of at most three are filled with themselves."""
    runs = []
    for c, to in pairs:
        if runs and c - runs[-1][0] - len(runs[-1][1]) <= 3:
            while runs[-1][0] + len(runs[-1][1]) < c:
                runs[-1][1].append(runs[-1][0] + len(runs[-1][1]))
            runs[-1][1].append(to)
        else:
            runs.append([c, [to]])
    return runs


def print_values():
    known = {}
    for c in (c for c in SCALARS if unicodedata.combining(chr(c))):
        if nfd(chr(c)) == chr(c) and is_nonstarter(chr(c)):
            known.setdefault(unicodedata.combining(chr(c)), chr(c))

    removed = [c for c in SCALARS if clean(chr(c)) == ""]
    kinds = {c: parts(c) for c in SCALARS}
    white = [c for c in SCALARS if kinds[c] == 2]
    punctuation = [c for c in SCALARS if kinds[c] == 3]
    bases = {c: strip(chr(c)) for c in SCALARS if c not in HANGUL}
    classes = {c: combining_class(c, known) for c in SCALARS if c not in HANGUL and nfd(chr(c)) == chr(c)}
    marks = [c for c in bases if bases[c] == ""]
    starter_marks = [c for c in marks if not all(classes[ord(part)] for part in nfd(chr(c)))]
    kept = [(c, k) for c, k in classes.items() if k and bases[c]]
    lowers = {c: lower(chr(c)) for c in SCALARS}

    # What word_piece_definitions.hpp relies on.
    assert [c for c in SCALARS if clean(chr(c)) == " "] == [c for c in white if c not in removed]
    assert [c for c, text in lowers.items() if len(text) != 1] == [0x130] and lowers[0x130] == "i\u0307"
    assert not [c for c in lowers if lowers[c] != chr(c) and (kinds[c] != 1 or kinds[ord(lowers[c][0])] != 1)]
    assert not [c for c in white if len(bases[c]) != 1 or kinds[ord(bases[c])] != 2]
    for c in HANGUL:
        index = c - 0xAC00
        jamo = [0x1100 + index // 588, 0x1161 + index % 588 // 28] + ([0x11A7 + index % 28] if index % 28 else [])
        assert strip(chr(c)) == "".join(map(chr, jamo)), hex(c)

    categories = {c: unicodedata.category(chr(c)) for c in SCALARS}
    python = {
        "removed": [c for c in SCALARS if categories[c] in ("Cc", "Cf", "Co") and c not in (9, 10, 13) or c == 0xFFFD],
        "punctuation": [c for c in SCALARS if categories[c][0] == "P" or c < 128 and categories[c][0] == "S"],
        "marks": [c for c in SCALARS if categories[c] == "Mn"],
        "lower case": [c for c in SCALARS if chr(c).lower() != chr(c)],
        "decomposed": [c for c in SCALARS if unicodedata.normalize("NFD", chr(c)) != chr(c)],
    }
    ours = {"removed": removed, "punctuation": punctuation, "marks": [c for c in marks if nfd(chr(c)) == chr(c)],
            "lower case": [c for c in SCALARS if lowers[c] != chr(c)],
            "decomposed": [c for c in SCALARS if nfd(chr(c)) != chr(c)]}
    differences = ", ".join(f"{name} {len(set(ours[name]) ^ set(python[name]))}" for name in ours)

    print(f"""// SPDX-License-Identifier: Apache-2.0
// What BERT's text cleaning does with each code point. Written by tests/golden/unicode_tables.py:
// the behaviour of PyPI's tokenizers {__version__}, which has general categories of Unicode 8,
// decompositions of Unicode 9 and lower case of Unicode 17. Code points where it differs from
// Unicode {unicodedata.unidata_version}: {differences}.
#pragma once

#include <cstdint>

#include "espalier/core/config.hpp"

namespace espalier::unicode_detail {{

struct CodeRange {{
  std::uint32_t first, last;
}};

/// Code points first, first + step, …, last, and the difference to their lower case.
struct LowerRun {{
  std::uint32_t first, last, step;
  std::int32_t difference;
}};

/// `count` code points from `first` on have the next `count` values of `bases`.
struct BaseRun {{
  std::uint32_t first, count;
}};

/// A code point that becomes `count` others.
struct Several {{
  std::uint32_t from, count, to[3];
}};

/// Code points of a canonical combining class other than 0.
struct ClassRange {{
  std::uint32_t first, last, combining_class;
}};

// clang-format off""")
    print_ranges("removed", removed, "Control, format and private characters, U+0000, U+FFFD.")
    print_ranges("white_space", white, "White space; what is also in `removed` is removed first.")
    print_ranges("punctuation", punctuation, "ASCII symbols and general category P.")
    print_ranges("chinese", [c for c in SCALARS if chinese(chr(c)) != chr(c)], "Spaces are put around these.")
    print_ranges("marks", [c for c in marks if c not in set(starter_marks)],
                 "Removed with accents (category Mn), of a combining class other than 0.")
    print_ranges("starter_marks", starter_marks, "Removed with accents, of combining class 0.")
    class_runs = []
    for c, k in kept:
        if class_runs and class_runs[-1][1] == c - 1 and class_runs[-1][2] == k:
            class_runs[-1][1] = c
        else:
            class_runs.append([c, c, k])
    print_list("ClassRange kept_classes", [f"{{0x{a:X}, 0x{b:X}, {k}}}" for a, b, k in class_runs],
               "Not removed with accents, but put in order.")
    one = [(c, ord(text)) for c, text in bases.items() if len(text) == 1 and text != chr(c)]
    several = [(c, text) for c, text in bases.items() if len(text) > 1]
    runs = base_runs(one)
    print_list("BaseRun base_runs", [f"{{0x{first:X}, {len(to)}}}" for first, to in runs],
               "Canonical decompositions without marks: those of one character.")
    print_list("std::uint32_t bases", [f"0x{to:X}" for _, all_to in runs for to in all_to], "In the order of `base_runs`.")
    print_list("Several several", [f"{{0x{c:X}, {len(text)}, {{{', '.join(f'0x{ord(t):X}' for t in text)}}}}}"
                                   for c, text in several], "Those of more characters, but for Hangul syllables.")
    print_list("LowerRun lower_runs", [f"{{0x{a:X}, 0x{b:X}, {step}, {d}}}" for a, b, step, d in lower_runs(
        [(c, ord(text)) for c, text in lowers.items() if len(text) == 1 and text != chr(c)])],
        "Lower case; U+0130 becomes two characters, i and U+0307, and is not in the list.")
    print("\n// clang-format on\n\n}  // namespace espalier::unicode_detail")


if __name__ == "__main__":
    golden_file.write("../include/espalier/text/unicode_tables.hpp", print_values)
