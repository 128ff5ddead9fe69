"""
Compares the event files of a run with its metrics.jsonl, by TensorBoard's own reader, also while the run goes on:
python3 tests/reference/readevents.py OUT LOGDIR. Needs the tensorboard package. Prints how many figures are equal.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

out, logdir = sys.argv[1:]
# why events first: the run writes a line before its event, so every event has its line
events = EventAccumulator(logdir, size_guidance={"scalars": 0})
events.Reload()
with open(f"{out}/metrics.jsonl", encoding="utf8") as file:
    lines = {line["step"]: line for line in map(json.loads, file)}

names = {"loss/train": "loss", "loss/held_out": "heldOutLoss", "grad_norm": "gradNorm", "lr": "lr"}
count = 0
for tag, field in names.items():
    if tag not in events.Tags()["scalars"]:
        continue
    for scalar in events.Scalars(tag):
        expected = lines[scalar.step][field]
        # why: event files hold float32
        assert abs(scalar.value - expected) <= 1e-6 * abs(expected), (tag, scalar, expected)
        count += 1
print(f"{count} figures of {len(events.Scalars('loss/train'))} steps are equal")
