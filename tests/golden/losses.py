#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the losses: textbook formulae at 9000 digits; derivatives by differences.

python3 tests/golden/losses.py      # writes tests/losses/golden.inc; needs mpmath; 3 minutes
"""

import golden_file
from mpmath import exp, log, mp, mpf

mp.dps = 9000  # so that 1 − σ(1e4) = e^−1e4 is not lost
H = mpf(10) ** -60  # of the differences; what they leave out is of order H²


def sigma(z):
    return 1 / (1 + exp(-z))


def cross_entropy(weight="1", smoothing="0"):
    w, s = mpf(weight), mpf(smoothing)

    def value(z, y):
        t = y * (1 - s) + s / 2
        return -w * t * log(sigma(z)) - (1 - t) * log(1 - sigma(z))

    return value


def focal(gamma, alpha):
    g, a = mpf(gamma), mpf(alpha)

    def value(z, y):
        p = sigma(z) if y == 1 else 1 - sigma(z)
        return -(a if y == 1 else 1 - a) * (1 - p) ** g * log(p)

    return value


def huber(delta):
    d = mpf(delta)
    return lambda z, y: (
        (z - y) ** 2 / 2 if abs(z - y) <= d else d * abs(z - y) - d * d / 2
    )


def poisson(z, y):
    mean = exp(z) if z <= 30 else exp(mpf(30)) * (z - 29)
    return mean - y * z


def watch_time(z, t):
    return -t * log(sigma(z)) - log(1 - sigma(z))


def watch_time_as_published(z, t):
    return -t * log(sigma(z)) if t > 0 else -log(1 - sigma(z))


def odds(z):
    return exp(min(z, mpf(80)))


def same(z):
    return z


LOGITS = [-10000, -90, -20.5, -3.25, -1, -0.125, 0, 0.5, 2.75, 17, 64, 10000]
NUMBERS = [(-3.5, 2), (0.25, 0.5), (1, 0.25), (1.75, 0.5), (1e4, -3), (-1e4, 0.5), (7, 3)]
RATES = [-10000, -20.5, -2, -0.125, 0.75, 3, 17, 31, 10000]


def shortest(x):
    return repr(float(x))


def scalar(name, value, predict, points):
    print(f"const Scalar {name}[] = {{")
    for z, y in points:
        z, y = mpf(z), mpf(y)
        slope = (value(z + H, y) - value(z - H, y)) / (2 * H)
        row = [z, y, value(z, y), slope, predict(z)]
        print("    {" + ", ".join(map(shortest, row)) + "},")
    print("};\n")


def softmax(name, points, weights=(1, 1, 1)):
    print(f"const Vector3 {name}[] = {{")
    for z, y in points:
        z = [mpf(x) for x in z]

        def value(*z):
            return weights[y] * (log(sum(exp(x) for x in z)) - z[y])

        def slope(i):
            up, down = list(z), list(z)
            up[i] += H
            down[i] -= H
            return (value(*up) - value(*down)) / (2 * H)

        total = sum(exp(x) for x in z)
        parts = [z, [slope(i) for i in range(3)], [exp(x) / total for x in z]]
        texts = ["{" + ", ".join(map(shortest, part)) + "}" for part in parts]
        print(f"    {{{texts[0]}, {y}, {shortest(value(*z))}, {texts[1]}, {texts[2]}}},")
    print("};\n")


binary = [(z, y) for z in LOGITS for y in (0, 1)]
counts = [(z, y) for z in RATES for y in (0, 1, 7, 2048)]


def main():
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by tests/golden/losses.py; do not edit.\n")
    print("// clang-format off")
    print("namespace golden {\n")
    print("struct Scalar { double z, y, value, gradient, prediction; };")
    print("struct Vector3 { double z[3]; double y, value; double gradient[3], prediction[3]; };\n")
    scalar("binary_cross_entropy", cross_entropy(), sigma, binary)
    scalar("positive_weight", cross_entropy("3.5"), sigma, binary)
    scalar("label_smoothing", cross_entropy("1", "0.125"), sigma, binary)
    scalar("weight_and_smoothing", cross_entropy("0.25", "0.5"), sigma, binary)
    scalar("focal", focal("2", "0.25"), sigma, binary)
    scalar("focal_half", focal("0.5", "0.75"), sigma, binary)
    scalar("focal_one", focal("1", "0.5"), sigma, binary)
    scalar("focal_zero", focal("0", "0.5"), sigma, binary)
    scalar("squared_error", lambda z, y: (z - y) ** 2 / 2, same, NUMBERS)
    scalar("absolute_error", lambda z, y: abs(z - y), same, NUMBERS)
    scalar("huber", huber("1"), same, NUMBERS)
    scalar("huber_half", huber("0.5"), same, NUMBERS)
    scalar("poisson", poisson, odds, counts)
    scalar("weighted_logistic", watch_time, odds, counts)
    scalar("weighted_logistic_unwatched", watch_time_as_published, odds, counts)
    logits = [((a, b, c), y) for a, b, c in [(0, 0, 0), (1, -2, 0.5), (40, 0.25, -3), (1e4, -1e4, 0),
                                             (-1e4, -9998.5, -1e4), (9999, 1e4, 9999.5)] for y in range(3)]
    softmax("softmax_cross_entropy", logits)
    softmax("class_weights", logits, (1, 4, mpf("0.375")))
    print("}  // namespace golden")


golden_file.write("losses/golden.inc", main)
