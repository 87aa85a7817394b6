# SPDX-License-Identifier: Apache-2.0
"""Writes a file of golden values when all of them are known: a script that fails leaves the file as it was."""

import contextlib
import io
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def write(name, print_values):
    """Writes what print_values() prints to tests/<name>."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print_values()
    path = TESTS / name
    path.write_bytes(text.getvalue().encode())
    print(f"wrote {path}")
