#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the hashes in tests/data/test_dictionary.cpp: SplitMix64's output function over 8 bytes at a time, written from
the description in include/espalier/data/dictionary.hpp."""

MASK = (1 << 64) - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def tail(b):
    """Of fewer than 8 bytes: from 4 on, the little-endian number they are; of fewer, bytes 0, n // 2 and n - 1 in place."""
    n = len(b)
    if n >= 4:
        return int.from_bytes(b, "little")
    value = 0
    for k in {0, n // 2, n - 1} if n else ():
        value |= b[k] << (8 * k)
    return value


def hash_text(text):
    b = text.encode()
    h = 0x9E3779B97F4A7C15 ^ len(b)
    while len(b) >= 8:
        h = mix(h ^ int.from_bytes(b[:8], "little"))
        b = b[8:]
    return mix(h ^ tail(b))


if __name__ == "__main__":
    for text in ["", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghi", "Köln", "user_27284", "x" * 100]:
        print(f'{{"{text}", 0x{hash_text(text):016X}U}},')
