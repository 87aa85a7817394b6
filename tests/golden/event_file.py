#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TensorBoard's own view of event files (pip install tensorboard).

    event_file.py --golden     writes tests/report/event_file_golden.inc: an event file by TensorBoard's writer
    event_file.py FOLDER       prints what TensorBoard's server (--load_fast=false) finds in a run: tag, step, value, wall time
"""
import io
import sys

import golden_file
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_ndarray


def golden():
    out = io.BytesIO()
    out.flush = lambda: None
    writer = RecordWriter(out)
    values = [Summary.Value(tag="train/click/loss", simple_value=0.6931472), Summary.Value(tag="é", simple_value=-2.0)]
    events = [
        Event(wall_time=1700000000.25, file_version="brain.Event:2"),
        Event(wall_time=1700000001.5, step=300, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1700000002.0, step=300, summary=Summary(value=values)),
        Event(wall_time=1700000003.0, step=2**40, summary=Summary(value=[Summary.Value(tag="lr", simple_value=1e-3)])),
    ]
    for event in events:
        writer.write(event.SerializeToString())
    data = out.getvalue()
    print("// Written by tests/golden/event_file.py --golden: the bytes of TensorBoard's own writer.")
    for at in range(0, len(data), 16):
        print(" ".join(f"0x{byte:02x}," for byte in data[at:at + 16]))


def show(folder):
    run = EventAccumulator(folder)
    run.Reload()
    for tag in run.Tags()["tensors"]:  # which is what it makes of scalars
        for event in run.Tensors(tag):
            print(tag, event.step, f"{make_ndarray(event.tensor_proto).item():.6g}", f"{event.wall_time:.3f}")


if sys.argv[1:] == ["--golden"]:
    golden_file.write("report/event_file_golden.inc", golden)
else:
    show(sys.argv[1])
