#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that Python's `safetensors` package and espalier read each other's files.

    safetensors_roundtrip.py <program made of tests/model/safetensors_roundtrip.cpp> <scratch folder>
    safetensors_roundtrip.py --golden      writes tests/model/safetensors_golden.inc

Exit status 77 with a sentence when the package is not there: the test counts as skipped.
"""
import json
import os
import subprocess
import sys

import golden_file

try:
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import save, save_file
except ImportError as missing:
    print(f"skipped: the Python package '{missing.name}' is not installed")
    sys.exit(77)


def tensors():
    """What both sides write: element i of a tensor is i * scale + start."""
    def ramp(dtype, shape, start, scale):
        count = int(np.prod(shape, dtype=np.int64))
        return (np.arange(count) * scale + start).astype(dtype).reshape(shape)

    return {
        "shared/0/weight": ramp(np.float32, (3, 4), -1.5, 0.25),
        "tower/café \"quoted\"": ramp(np.float64, (2, 1, 3), 0.1, 1.0),
        "ids": ramp(np.int64, (5,), -(2**40), 1),
        "small": ramp(np.int32, (2, 2), -7, 3),
        "bytes": ramp(np.uint8, (7,), 250, 1),
        "scalar": ramp(np.float32, (), 3.5, 0.0),
        "empty": ramp(np.float32, (0, 4), 0.0, 0.0),
    }


def crc32c(data):
    """RFC 3720, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return f"{crc ^ 0xFFFFFFFF:08x}"


METADATA = {"description": "line 1\nline 2 \"quoted\" \\ é", "empty": ""}


def check(program, folder):
    ours, theirs = os.path.join(folder, "ours.safetensors"), os.path.join(folder, "theirs.safetensors")
    expected = tensors()
    subprocess.run([program, "write", ours], check=True)
    with safe_open(ours, framework="numpy") as file:
        assert set(file.keys()) == set(expected), sorted(file.keys())
        metadata = file.metadata()
        checksums = json.loads(metadata.pop("crc32c"))
        assert metadata == METADATA, metadata
        assert checksums["metadata"] == {key: crc32c(text.encode()) for key, text in METADATA.items()}, checksums
        assert checksums["tensor"] == {name: crc32c(v.tobytes()) for name, v in expected.items()}, checksums
        for name, values in expected.items():
            found = file.get_tensor(name)
            assert found.dtype == values.dtype and found.shape == values.shape, name
            assert np.array_equal(found, values), (name, found, values)
    save_file(expected, theirs, metadata=METADATA)
    subprocess.run([program, "check", theirs], check=True)
    with safe_open(ours, framework="numpy") as file:  # in another order, with the checksums that it had
        save_file({name: file.get_tensor(name) for name in reversed(file.keys())}, theirs, metadata=file.metadata())
    subprocess.run([program, "check", theirs], check=True)
    print("espalier and safetensors read each other's files")


def golden():
    data = save({"w": tensors()["shared/0/weight"], "n": np.array([-2, 5], dtype=np.int64)}, metadata={"k": "é"})
    print("// Written by tests/golden/safetensors_roundtrip.py --golden: the bytes of Python's safetensors.")
    for at in range(0, len(data), 16):
        print(" ".join(f"0x{byte:02x}," for byte in data[at:at + 16]))


if sys.argv[1:] == ["--golden"]:
    golden_file.write("model/safetensors_golden.inc", golden)
else:
    check(sys.argv[1], sys.argv[2])
