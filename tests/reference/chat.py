"""Writes chat.json: a GPT-2 trained on conversations by PyTorch in float64, with the loss on answers only.

Run with a python3 that has torch:  python3 tests/reference/chat.py
The loss is torch's cross_entropy with ignore_index, so its mean is over the answer tokens of the global batch. Samples are
packed here once more, from what docs/contracts.md says: a sample begins with a conversation and holds what follows.
"""
import json
import math
import os
import random

import torch

import make

MODEL = dict(arch='gpt2', layers=2, heads=4, kvHeads=4, dim=24, hidden=48, context=12, vocab=30, tieEmbeddings=True,
             ropeTheta=10000)
TRAIN = dict(make.TRAIN, globalBatch=8, steps=8, warmupSteps=2)
IGNORED = -100


def conversations():
    """Questions and answers of 1 to 6 tokens each in turn, so that some fit three to a sample and some take two."""
    draw = random.Random(5)
    tokens, answers, begins = [], [], []
    for _ in range(60):
        begins.append(len(tokens))
        for turn in range(2 * draw.randint(1, 2)):
            length = draw.randint(1, 6)
            start, stride = draw.randint(0, 29), draw.randint(1, 3)
            tokens += [(start + stride * i) % MODEL['vocab'] for i in range(length)]
            answers += [turn % 2] * length
    return tokens, answers, begins


def packed(tokens, answers, begins):
    """First tokens of all samples, in order; those without an answer are left out."""
    context, starts, at = MODEL['context'], [], 0
    ends = begins[1:] + [len(tokens)]
    while at < len(tokens):
        if any(answers[at + 1:at + context + 1]):
            starts.append(at)
        cut = [begin for begin, end in zip(begins, ends) if end > at + context + 1]
        at = len(tokens) if not cut else cut[0] if cut[0] > at else at + context
    return starts


def row(values, at, fill):
    """The context + 1 values from `at`; behind the last one is nothing."""
    part = values[at:at + MODEL['context'] + 1]
    return part + [fill] * (MODEL['context'] + 1 - len(part))


def main():
    tokens, answers, begins = conversations()
    starts = packed(tokens, answers, begins)
    weights = make.initial(MODEL)
    groups = [dict(params=[x for x in weights.values() if x.dim() >= 2], weight_decay=TRAIN['weightDecay']),
              dict(params=[x for x in weights.values() if x.dim() < 2], weight_decay=0.0)]
    adam = torch.optim.AdamW(groups, lr=1.0, betas=tuple(TRAIN['betas']), eps=TRAIN['eps'])
    losses, norms, counts, gradient = [], [], [], None
    for step in range(TRAIN['steps']):
        batch = [starts[(step * TRAIN['globalBatch'] + i) % len(starts)] for i in range(TRAIN['globalBatch'])]
        rows = torch.tensor([row(tokens, at, 0) for at in batch])
        marks = torch.tensor([row(answers, at, 0) for at in batch])
        targets = torch.where(marks[:, 1:] == 1, rows[:, 1:], IGNORED)
        logits = make.gpt2(MODEL, weights, rows[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        adam.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(float(x.grad.pow(2).sum()) for x in weights.values()))
        if step == 0:
            gradient = make.pack(x.grad for x in weights.values())
        for x in weights.values():
            x.grad *= min(1.0, TRAIN['gradClip'] / (norm + 1e-6))
        for group in adam.param_groups:
            group['lr'] = make.rate(TRAIN, step)
        adam.step()
        losses.append(float(loss.detach()))
        norms.append(norm)
        counts.append(int((targets != IGNORED).sum()))
    assert max(norms) > TRAIN['gradClip'] and len(set(counts)) > 1, 'the clip is never active, or all steps are alike'
    fixture = dict(model=MODEL, train=TRAIN, tensors=[[n, list(s)] for n, s in make.shapes(MODEL)], tokens=tokens,
                   answers=answers, begins=begins, starts=starts, targets=counts, losses=losses, gradNorms=norms,
                   firstGradient=gradient, final=make.pack(weights.values()))
    with open(os.path.join(make.HERE, 'chat.json'), 'w') as file:
        json.dump(fixture, file)
    print(f'{len(starts)} samples, {counts} targets, loss {losses[0]:.4f} -> {losses[-1]:.4f}, norm {max(norms):.3f}')


if __name__ == '__main__':
    main()
