"""The losses of the join gate (src/train/rank/gate.ts): two steps of a small GPT-2 in float64, from the product's own
start (src/model/init.ts).

python3 tests/reference/gate.py      # prints the losses; copy them into gate.ts
"""
import math

import torch

import make

MODEL = dict(arch='gpt2', layers=1, heads=2, kvHeads=2, dim=64, hidden=256, context=32, vocab=96,
             tieEmbeddings=True, ropeTheta=10000)
TRAIN = dict(make.TRAIN, globalBatch=4, steps=2, warmupSteps=0, minLr=1e-2, gradClip=0.5)
MASK = 0xffffffff
NORMAL = {'wte.weight': ('embed', 'wte', 1), 'wpe.weight': ('embed', 'wpe', 1),
          'attn.c_attn.weight': ('block0', 'attn.qkv.w', 1), 'attn.c_proj.weight': ('block0', 'attn.proj.w', 2),
          'mlp.c_fc.weight': ('block0', 'mlp.fc.w', 1), 'mlp.c_proj.weight': ('block0', 'mlp.proj.w', 2)}


def mix(h):
    h = (h ^ h >> 16) * 0x85ebca6b & MASK
    h = (h ^ h >> 13) * 0xc2b2ae35 & MASK
    return h ^ h >> 16


def fnv(text):
    h = 0x811c9dc5
    for byte in text.encode():
        h = (h ^ byte) * 0x01000193 & MASK
    return h


def uniform(key, counter):
    return (mix((mix(counter ^ key) + key * 0x9e3779b9) & MASK) + 0.5) / 4294967296


def normal(key, index):
    radius = math.sqrt(-2 * math.log(uniform(key, 2 * index)))
    return radius * math.cos(2 * math.pi * uniform(key, 2 * index + 1))


def initial():
    weights = {}
    for name, shape in make.shapes(MODEL):
        short = name.removeprefix('transformer.').removeprefix('h.0.')
        if short in NORMAL:
            unit, param, share = NORMAL[short]
            key = fnv(f'{TRAIN["seed"]}/{unit}/{param}')
            std = 0.02 / math.sqrt(share * MODEL['layers'])
            values = torch.tensor([std * normal(key, i) for i in range(math.prod(shape))])
        else:
            values = torch.full((math.prod(shape),), 1.0 if name.endswith('weight') else 0.0)
        # why: the product holds weights in float32; three times as large, as gate.ts says
        weights[name] = (3 * values.float()).double().view(shape).requires_grad_(True)
    return weights


if __name__ == '__main__':
    text = [(i * i + 7 * (i >> 3)) % 96 for i in range(600)]
    losses, norms, _ = make.train(MODEL, TRAIN, initial(), text)
    print('losses', losses, 'norms', norms)
