#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the golden values of tests/core/test_random.cpp: the generator written from its papers, in Python's big integers."""

M = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def splitmix64(state):
    """Steele, Lea & Flood 2014: the state advances by GAMMA, then is mixed."""
    z = (state + GAMMA) & M
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
    return z ^ (z >> 31)


def stream(seed, number, count):
    key = splitmix64(splitmix64(seed) ^ number)
    return [splitmix64(key ^ splitmix64(i)) for i in range(count)]


def below(bits, n):
    """Lemire's rejection with a modulus: throw away the 2^64 mod n lowest."""
    for x in bits:
        if x >= (1 << 64) % n:
            yield x % n


print("splitmix64, seed 0:", [f"0x{splitmix64(i * GAMMA & M):016X}" for i in range(5)])
print("Random(42):", [f"0x{x:016X}" for x in stream(42, 0, 4)])
print("Random(42, 7):", [f"0x{x:016X}" for x in stream(42, 7, 4)])
print("Random(42) below 1000:", list(below(stream(42, 0, 8), 1000)))
print("Random(42) uniform:", [(x >> 11) * 2.0**-53 for x in stream(42, 0, 3)])
