# SPDX-License-Identifier: Apache-2.0
"""A picture of ratios: bars from 1 to the right where we are faster, to the left where we are slower. Nothing but Python."""
import math
from html import escape

PALETTE = ["#2563eb", "#dc5a1d", "#15936b", "#b8389b", "#8a6d10", "#0e8fae", "#d3304f", "#6b4fd0", "#5b8c1a", "#64748b"]
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
BAR, GAP, PLOT, LETTER = 11, 9, 520, 6.6  # pixels: a bar, the space between rows, the plot's width, a letter's


def words(x, y, text, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def svg(title, notes, rows):
    """rows: (label, {peer: (ratio, lowest or None)}), from top to bottom; lowest is drawn as a tick across the bar."""
    peers = list(dict.fromkeys(peer for _, ratios in rows for peer in ratios))
    values = [v for _, ratios in rows for pair in ratios.values() for v in pair if v]
    low, high = math.floor(math.log2(min([0.8, *values]))), math.ceil(math.log2(max([1.25, *values])))
    left = 24 + LETTER * max(len(label) for label, _ in rows)
    legend_width, in_a_row = 34 + LETTER * max(map(len, peers), default=0), 4
    top = 60 + 16 * (len(notes) + math.ceil(len(peers) / in_a_row))
    height = sum(BAR * max(1, len(ratios)) + GAP for _, ratios in rows)
    width, total = max(left + PLOT + 70, left + in_a_row * legend_width), top + height + 44

    def at(ratio):
        return left + PLOT * (math.log2(ratio) - low) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{total:.0f}" viewBox="0 0 {width:.0f} {total:.0f}" '
           f'font-family="{FONT}" font-size="12" fill="#334155">',
           f'<rect width="{width:.0f}" height="{total:.0f}" fill="#ffffff"/>', f"<title>{escape(title)}</title>",
           words(24, 28, title, 'font-size="17" font-weight="600" fill="#0f172a"')]
    out += [words(24, 48 + 16 * i, note, 'font-size="11" fill="#64748b"') for i, note in enumerate(notes)]
    for i, peer in enumerate(peers):
        x, y = left + i % in_a_row * legend_width, 56 + 16 * (len(notes) + i // in_a_row)
        out.append(f'<rect x="{x:.1f}" y="{y - 9}" width="10" height="10" fill="{PALETTE[i % len(PALETTE)]}"/>')
        out.append(words(x + 15, y, peer))
    for power in range(low, high + 1):
        x, line = at(2.0 ** power), "#475569" if power == 0 else "#e2e8f0"
        out.append(f'<line x1="{x:.1f}" y1="{top - 6}" x2="{x:.1f}" y2="{top + height}" stroke="{line}"/>')
        out.append(words(x, top + height + 16, f"{2.0 ** power:g}×", 'font-size="11" text-anchor="middle"'))
    out.append(words(at(1), top + height + 34, "the peer's time over ours", 'font-size="11" text-anchor="middle" fill="#475569"'))
    y = top
    for label, ratios in rows:
        out.append(words(left - 10, y + BAR * max(1, len(ratios)) / 2 + 4, label, 'text-anchor="end"'))
        for peer, (ratio, lowest) in ratios.items():
            colour, begin, end = PALETTE[peers.index(peer) % len(PALETTE)], *sorted((at(1), at(ratio)))
            out.append(f'<rect x="{begin:.1f}" y="{y}" width="{max(end - begin, 1):.1f}" height="{BAR - 1}" fill="{colour}"/>')
            if lowest:
                out.append(f'<rect x="{at(lowest) - 1:.1f}" y="{y - 1}" width="2" height="{BAR + 1}" fill="#0f172a"/>')
            out.append(words(max(end, at(1)) + 4, y + BAR - 2, f"{ratio:.2f}", 'font-size="10"'))
            y += BAR
        y += GAP + (0 if ratios else BAR)
    return "\n".join([*out, "</svg>"]) + "\n"
