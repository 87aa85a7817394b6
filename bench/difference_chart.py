# SPDX-License-Identifier: Apache-2.0
"""A picture of differences to a reference: a row a candidate, a panel a task."""
import math
import statistics
from dataclasses import dataclass
from html import escape

from ratio_chart import FONT, LETTER, PALETTE, words

WIDTH, EDGE, GAP, ROW = 900, 20, 26, 18  # pixels: the card, its margin, between panels, a row
TOP, ABOVE, BELOW = 84, 24, 40  # pixels: title and legend, a panel's heading, its axis
IN_A_BAND = 4  # panels side by side, below which others begin anew
FAR = 4  # what reaches this many times as far as three quarters of the rows do is cut off
BETTER, WORSE, NEITHER, DARK = PALETTE[0], PALETTE[1], PALETTE[9], "#0f172a"
LABEL, NUMBER = LETTER * 1.12, LETTER * 0.95  # pixels: a letter of a row's label, of an axis
SMALL = 'font-size="10"'
HALO = 'paint-order="stroke" stroke="#ffffff" stroke-width="5" stroke-linejoin="round"'


@dataclass
class Panel:
    """A task: differences are (mean, deviation) a row, the first row's is not looked at."""
    heading: str
    lower_is_better: bool
    differences: list

    def verdict(self, row):
        """1: better by more than the deviation, -1: worse, 0: neither, or no deviation known."""
        mean, spread = self.differences[row]
        if spread is None or abs(mean) <= spread:
            return 0
        return 1 if (mean < 0) == self.lower_is_better else -1


def signed(value, digits):
    """With a real minus; 0 is 0."""
    sign = "−" if value < 0 else "+"
    return f"{sign}{abs(value):.{digits}f}" if value else "0"


class Axis:
    """Where a panel's values are: as far as the rows reach, but for those far out."""

    def __init__(self, panel, left, width):
        others = panel.differences[1:]
        reach = [abs(mean) + (spread or 0) for mean, spread in others]
        most = max(reach, default=0)
        usual = statistics.quantiles(reach, n=4)[2] if len(reach) > 1 else most
        limit = FAR * usual or most
        self.cuts = most > limit
        kept = [(m, s or 0) for (m, s), r in zip(others, reach) if r <= limit]
        low = min([0, *(m - s for m, s in kept)])
        high = max([0, *(m + s for m, s in kept)])
        span = high - low or 1e-4
        self.low = min(low - 0.06 * span, -0.15 * span)
        self.high = max(high + 0.06 * span, 0.15 * span)
        self.left, self.width = left, width

    def at(self, value):
        return self.left + self.width * (value - self.low) / (self.high - self.low)

    def inside(self, value):
        return min(max(self.at(value), self.left), self.left + self.width)

    def ticks(self):
        """(place, text): at 1, 2 or 5 times a power of ten, as many as there is room for."""
        begin = math.floor(math.log10(self.high - self.low)) - 2
        for power, factor in ((p, f) for p in range(begin, begin + 5) for f in (1, 2, 5)):
            step = factor * 10.0 ** power
            first, last = math.ceil(self.low / step), math.floor(self.high / step)
            texts = [(self.at(i * step), signed(i * step, max(0, -power)))
                     for i in range(first, last + 1)]
            longest = NUMBER * max(len(text) for _, text in texts)
            if self.width * step / (self.high - self.low) >= longest + 8:
                return [tick for tick in texts if self.fits(*tick)]
        return [(self.at(0), "0")]

    def fits(self, x, text):
        """Whether it stays clear of the panels beside."""
        out = NUMBER * len(text) / 2 - GAP / 2 + 3
        return self.left + out <= x <= self.left + self.width - out


def line(x1, y1, x2, y2, colour, width=1.0):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>')


def dot(x, y, verdict):
    """Full where the difference is more than the deviation, else a ring."""
    fill = "#ffffff" if verdict == 0 else colour_of(verdict)
    return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{fill}" '
            f'stroke="{colour_of(verdict)}" stroke-width="1.5"/>')


def diamond(x, y):
    """The reference."""
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{DARK}"/>'


def arrow(x, y, way, colour):
    """Its tip is at x; way: 1 to the right, -1 to the left."""
    return f'<path d="M{x:.1f} {y:.1f}l{-7 * way} -4.5v9z" fill="{colour}"/>'


def colour_of(verdict):
    return {1: BETTER, -1: WORSE, 0: NEITHER}[verdict]


def draw_row(axis, panel, row, y):
    mean, spread = panel.differences[row]
    verdict, left, right = panel.verdict(row), axis.left, axis.left + axis.width
    colour = colour_of(verdict)
    if not axis.low <= mean <= axis.high:
        way = 1 if mean > 0 else -1
        text = signed(mean, 4) + (f" ± {spread:.4f}" if spread is not None else "")
        tip, anchor = (right, "end") if way > 0 else (left, "start")
        style = f'{SMALL} text-anchor="{anchor}" fill="{colour}" {HALO}'
        return [arrow(tip, y, way, colour), words(tip - 11 * way, y + 3.5, text, style)]
    out = []
    if spread is not None:
        begin, end = mean - spread, mean + spread
        out.append(line(axis.inside(begin), y, axis.inside(end), y, colour, 2))
        if begin < axis.low:
            out.append(arrow(left, y, -1, colour))
        if end > axis.high:
            out.append(arrow(right, y, 1, colour))
    return [*out, dot(axis.at(mean), y, verdict)]


def draw_panel(panel, axis, top):
    """top: of the rows."""
    left, width, rows = axis.left, axis.width, len(panel.differences)
    bottom, right, zero = top + ROW * rows, left + width, axis.at(0)
    begin, end = (left, zero) if panel.lower_is_better else (zero, right)
    out = [f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{bottom - top}" '
           'fill="#f8fafc"/>',
           f'<rect x="{begin:.1f}" y="{top}" width="{end - begin:.1f}" height="{bottom - top}" '
           'fill="#eaf1fe"/>',
           words(left, top - 8, panel.heading, f'font-weight="600" fill="{DARK}"')]
    out += [line(left, top + ROW * (row + 0.5), right, top + ROW * (row + 0.5), "#e2e8f0")
            for row in range(rows)]
    for x, text in axis.ticks():
        out.append(line(x, top, x, bottom + 4, "#cbd5e1"))
        out.append(words(x, bottom + 15, text, f'{SMALL} text-anchor="middle"'))
    out.append(line(zero, top, zero, bottom + 4, "#475569", 1.5))
    x, anchor, text = (left, "start", "← better") if panel.lower_is_better else \
        (right, "end", "better →")
    out.append(words(x, bottom + 31, text, f'font-size="11" text-anchor="{anchor}" '
                     f'fill="{BETTER}"'))
    for row in range(1, rows):
        out += draw_row(axis, panel, row, top + ROW * (row + 0.5))
    return [*out, diamond(zero, top + ROW * 0.5)]


def legend(y, reference, cut_off):
    """In one line."""
    parts = [(diamond, f"{reference}, the reference"),
             (lambda x, y: dot(x, y, 1), "better beyond the deviation"),
             (lambda x, y: dot(x, y, -1), "worse beyond the deviation"),
             (lambda x, y: dot(x, y, 0), "within the deviation")]
    if cut_off:
        parts.append((lambda x, y: arrow(x + 4, y, 1, NEITHER), "further out"))
    out, x = [], EDGE + 5
    for mark, text in parts:
        out += [mark(x, y - 4), words(x + 10, y, text, 'font-size="11"')]
        x += 30 + 6 * len(text)
    return out


def svg(title, note, labels, panels):
    """labels: the candidates from top to bottom, the reference first."""
    left = EDGE + 12 + LABEL * max(map(len, labels))
    side = min(IN_A_BAND, len(panels))
    width = (WIDTH - EDGE - left - GAP * (side - 1)) / side
    band = ABOVE + ROW * len(labels) + BELOW
    height = TOP + band * math.ceil(len(panels) / side) + 4
    axes = [Axis(panel, left + i % side * (width + GAP), width) for i, panel in enumerate(panels)]
    out = []
    for i, (panel, axis) in enumerate(zip(panels, axes)):
        top = TOP + ABOVE + band * (i // side)
        out += draw_panel(panel, axis, top)
        if i % side == 0:
            for row, label in enumerate(labels):
                style = 'text-anchor="end"' + (f' font-weight="600" fill="{DARK}"' * (row == 0))
                out.append(words(left - 12, top + ROW * (row + 0.5) + 4, label, style))
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="{FONT}" font-size="12" '
            'fill="#334155" role="img">', f"<title>{escape(title)}</title>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10" '
            'fill="#ffffff" stroke="#d0d7de"/>',
            words(EDGE, 31, title, f'font-size="17" font-weight="600" fill="{DARK}"'),
            words(EDGE, 50, note, 'font-size="11" fill="#64748b"')]
    marks = legend(72, labels[0], any(axis.cuts for axis in axes))
    return "\n".join([*head, *marks, *out, "</svg>"]) + "\n"
