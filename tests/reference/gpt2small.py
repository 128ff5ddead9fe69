"""Writes gpt2small.json: loss and gradient norm of one step of GPT-2 small by PyTorch autograd in float64.

GPT-2 small is 12 layers of 768, 50,257 tokens; here context 128, one sequence and two, with the start as it is in a file of
F32 and in one of F16. Needs 8 GB and some minutes:
python3 tests/reference/gpt2small.py      # tests/large/gpt2small.test.ts holds a step of ours against it
The start is make.py's, by numpy, because Python's own loop takes minutes for 124 million numbers.
"""
import json
import math
import os

import numpy
import torch

import make

MODEL = dict(arch='gpt2', layers=12, heads=12, kvHeads=12, dim=768, hidden=3072, context=128, vocab=50257,
             tieEmbeddings=True, ropeTheta=10000)
TRAIN = dict(make.TRAIN, globalBatch=2, steps=1, warmupSteps=0, gradClip=0.1)


def uniform(count, key):
    """make.uniform of the indices below `count`."""
    x = numpy.arange(1, count + 1, dtype=numpy.uint32) * numpy.uint32(2654435761)
    x ^= numpy.uint32((key + 1) * 2246822519 & 0xffffffff)
    x = (x ^ x >> numpy.uint32(15)) * numpy.uint32(2246822519)
    x ^= x >> numpy.uint32(13)
    return (x >> numpy.uint32(16)) / 65536


def initial(m, kind):
    weights = {}
    for key, (name, shape) in enumerate(make.shapes(m)):
        gain = len(shape) == 1 and name.endswith('weight')
        low, width = (0.875, 0.25) if gain else (-0.03125, 0.0625) if len(shape) == 1 else (-0.125, 0.25)
        values = torch.from_numpy(low + width * uniform(math.prod(shape), key))
        weights[name] = values.view(shape).to(kind).double().requires_grad_(True)
    return weights


def main():
    text = make.text_of(MODEL, TRAIN, 1)
    fixture = dict(model=MODEL, train=TRAIN, tensors=[[n, list(s)] for n, s in make.shapes(MODEL)], tokens=text)
    for name, kind, batch in [('F32', torch.float32, 1), ('F32', torch.float32, 2), ('F16', torch.float16, 2)]:
        (loss,), (norm,), _ = make.train(MODEL, dict(TRAIN, globalBatch=batch), initial(MODEL, kind), text)
        fixture.setdefault(name, {})[batch] = dict(loss=loss, gradNorm=norm)
        print(f'{name}, {batch} sequences: loss {loss:.6f}, gradient norm {norm:.6f}', flush=True)
    with open(os.path.join(make.HERE, 'gpt2small.json'), 'w') as file:
        json.dump(fixture, file)


if __name__ == '__main__':
    main()
