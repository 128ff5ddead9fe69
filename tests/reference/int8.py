"""Writes int8.json, the fixture of tests/unit/net/coded.test.ts: sums of 3 ranks in blocks of 8 bits, in two phases.

Run with a python3 that has numpy:  python3 tests/reference/int8.py
All in float32. A block's scale is its largest size / 127, a code rint(x * (127 / largest)) with ties to even. Chunk c of the
ranks' 27 elements is summed in the order of ranks c, c + 1, ... by rank c - 1. With error feedback over 3 steps.
"""
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
RANKS, FLOATS, BLOCK, STEPS = 3, 27, 4, 3
f32 = np.float32


def code(x):
    """What the code gives of x, and its codes."""
    values, codes = np.zeros_like(x), []
    for at in range(0, len(x), BLOCK):
        block = x[at:at + BLOCK]
        largest = np.max(np.abs(block))
        if largest < 2.0 ** -100:
            codes += [0] * len(block)
            continue
        scale, factor = f32(largest / f32(127)), f32(f32(127) / largest)
        q = np.clip(np.rint(block * factor), -127, 127)
        values[at:at + BLOCK] = q.astype(np.int8).astype(f32) * scale  # why the integer: a code has no -0
        codes += [int(one) for one in q]
    return values, codes


def element(step, rank, i):
    """Eighths, so that ties happen, over five orders of size; one block of zeros and one tiny one."""
    if rank == 1 and 4 <= i < 8:
        return 0.0
    whole = (37 * i + 101 * rank + 53 * step) % 129 - 64
    return whole / 8 * 10.0 ** ((i // 4 + rank) % 5 - 4) * (2.0 ** -110 if rank == 2 and i >= 24 else 1)


def all_reduce(x, lost, lost_of_sum):
    given = [a + e for a, e in zip(x, lost)]
    result = np.zeros(FLOATS, f32)
    bounds = [c * FLOATS // RANKS for c in range(RANKS + 1)]
    kept = [np.zeros(FLOATS, f32) for _ in range(RANKS)]
    for c in range(RANKS):
        part = slice(bounds[c], bounds[c + 1])
        for rank in range(RANKS):
            kept[rank][part] = code(given[rank][part])[0]
        order = [(c + k) % RANKS for k in range(RANKS)]
        total = kept[order[0]][part].copy()
        for rank in order[1:]:
            total = total + kept[rank][part]
        total = total + lost_of_sum[c]
        result[part] = code(total)[0]
        lost_of_sum[c] = total - result[part]
    return result, [g - k for g, k in zip(given, kept)]


def main():
    steps, plain = [], []
    lost = [np.zeros(FLOATS, f32) for _ in range(RANKS)]
    lost_of_sum = [np.zeros(FLOATS // RANKS, f32) for _ in range(RANKS)]
    for step in range(STEPS):
        x = [np.array([element(step, rank, i) for i in range(FLOATS)], f32) for rank in range(RANKS)]
        none = [np.zeros(FLOATS // RANKS, f32) for _ in range(RANKS)]
        alone, _ = all_reduce(x, [np.zeros(FLOATS, f32)] * RANKS, none)
        plain.append([int(bits) for bits in alone.view(np.uint32)])
        result, lost = all_reduce(x, lost, lost_of_sum)
        steps.append([int(bits) for bits in result.view(np.uint32)])
    codes = code(np.array([element(0, 0, i) for i in range(FLOATS)], f32))[1]
    inputs = [[[float(f32(element(step, rank, i))) for i in range(FLOATS)] for rank in range(RANKS)] for step in range(STEPS)]
    with open(os.path.join(HERE, 'int8.json'), 'w') as file:
        json.dump(dict(block=BLOCK, x=inputs, codes=codes, resultBits=plain, feedbackBits=steps), file)


if __name__ == '__main__':
    main()
