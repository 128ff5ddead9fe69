"""Writes diloco-*.json, the fixtures of tests/equivalence/diloco.test.ts: DiLoCo with K replicas in one process, in float64.

Run with a python3 that has torch:  python3 tests/reference/diloco.py [NAME ...]
A replica's gradient is the mean over its own tokens, clipped by its own norm; AdamW keeps own moments. Outer steps are
torch.optim.SGD with nesterov=True on the mean difference, weighted by the samples trained on since the last one. Fragments
take turns: a turn is every / fragments steps, the average is taken `delay` steps before its use, mix keeps a share of the
replica's own parameters. The last step of the run is an outer step of everything. Before step `from` gradients are summed
over all replicas. Models, text and starts are those of make.py.
"""
import json
import math
import os
import sys

import torch

from make import HERE, gpt2, initial, llama, pack, rate, shapes, text_of

TRAIN = dict(steps=20, lr=8e-3, schedule='cosine', warmupSteps=4, minLr=8e-4, betas=[0.9, 0.95], eps=1e-8,
             weightDecay=0.1, gradClip=1.0, seed=1, evalEvery=0)
MODEL = dict(layers=4, heads=4, dim=16, context=8, vocab=30)
GPT2 = dict(MODEL, arch='gpt2', kvHeads=4, hidden=40, tieEmbeddings=True, ropeTheta=10000)
LLAMA = dict(MODEL, arch='llama', kvHeads=2, hidden=32, tieEmbeddings=True, ropeTheta=500)
CASES = {
    'diloco-four': (GPT2, dict(dp=4, batch=10), dict(every=5, lr=0.7, momentum=0.9)),
    'diloco-three': (LLAMA, dict(dp=3, batch=10), {'every': 4, 'lr': 0.5, 'momentum': 0.8, 'from': 5}),
    'diloco-streaming': (GPT2, dict(dp=4, batch=10),
                         dict(every=6, lr=0.4, momentum=0.9, fragments=2, delay=1, mix=0.5)),
    'diloco-two': (LLAMA, dict(dp=2, batch=9), dict(every=3, lr=1.0, momentum=0.5)),
}


def optimizer(t, w):
    groups = [dict(params=[x for x in w.values() if x.dim() >= 2], weight_decay=t['weightDecay']),
              dict(params=[x for x in w.values() if x.dim() < 2], weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=1.0, betas=tuple(t['betas']), eps=t['eps'])


def fragment_of(name, n):
    """Block i is in fragment i mod n, the embedding in the first, the last norm and the head in the last."""
    parts = name.split('.')
    number = [int(part) for part in parts if part.isdigit()]
    if number:
        return number[0] % n
    return 0 if 'wte' in parts or 'wpe' in parts or 'embed_tokens' in parts else n - 1


def norm_of(w):
    return math.sqrt(sum(float(x.grad.pow(2).sum()) for x in w.values()))


def train(m, t, plan, outer, start, text):
    K, B, T = plan['dp'], plan['batch'], m['context']
    n, delay, mix = outer.get('fragments', 1), outer.get('delay', 0), outer.get('mix', 0)
    begin, turn, steps = outer.get('from', 0), outer['every'] // n, t['steps']
    forward = gpt2 if m['arch'] == 'gpt2' else llama
    share = [B // K + (k < B % K) for k in range(K)]
    first = [sum(share[:k]) for k in range(K)]
    local = [{name: x.detach().clone().requires_grad_(True) for name, x in start.items()} for _ in range(K)]
    adam = [optimizer(t, w) for w in local]
    anchor, sgd, waiting = None, None, {}
    trained = [[0] * n for _ in range(K)]
    losses, norms, windows = [], [], (len(text) - 1) // T

    def take(f):
        counted = [trained[k][f] for k in range(K)]
        delta = {name: sum(counted[k] * (anchor[name].detach() - local[k][name].detach()) for k in range(K)) / sum(counted)
                 for name in anchor if fragment_of(name, n) == f}
        return counted, delta

    def use(f, taken, keep):
        counted, delta = taken
        for name, x in delta.items():
            anchor[name].grad = x.clone()
        sgd[f].step()
        for name in delta:
            for k in range(K):
                local[k][name].data = torch.lerp(anchor[name].data, local[k][name].data, keep)
        for k in range(K):
            trained[k][f] -= counted[k]

    for step in range(steps):
        if step == begin:
            anchor = {name: x.detach().clone().requires_grad_(True) for name, x in local[0].items()}
            sgd = [torch.optim.SGD([x for name, x in anchor.items() if fragment_of(name, n) == f], lr=outer['lr'],
                                   momentum=outer['momentum'], nesterov=True) for f in range(n)]
        lost, own = [], []
        for k in range(K):
            starts = [((step * B + first[k] + i) % windows) * T for i in range(share[k])]
            rows = torch.tensor([text[s:s + T + 1] for s in starts])
            logits = forward(m, local[k], rows[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction='sum')
            adam[k].zero_grad()
            (loss / (share[k] * T)).backward()
            lost.append(float(loss.detach()))
            own.append(norm_of(local[k]))
        if step < begin:
            for name in local[0]:
                mean = sum(share[k] * local[k][name].grad for k in range(K)) / B
                for k in range(K):
                    local[k][name].grad = mean.clone()
            own = [norm_of(local[0])] * K
        for k in range(K):
            for x in local[k].values():
                x.grad *= min(1.0, t['gradClip'] / (own[k] + 1e-6))
            for group in adam[k].param_groups:
                group['lr'] = rate(t, step)
            adam[k].step()
        losses.append(sum(lost) / (B * T))
        norms.append(sum(s * x for s, x in zip(share, own)) / B)
        if step < begin:
            continue
        for k in range(K):
            trained[k] = [x + share[k] for x in trained[k]]
        if step == steps - 1:
            for f in range(n):
                use(f, take(f), 0.0)
            continue
        if (step + 1 + delay) % turn == 0 and step + delay < steps - 1:
            waiting[step + delay] = take(((step + 1 + delay) // turn - 1) % n)
        if step in waiting:
            use(((step + 1) // turn - 1) % n, waiting.pop(step), mix)
    assert max(norms) > t['gradClip'], 'the clip is never active'
    return losses, norms, anchor


def make(name, m, plan, outer):
    t = dict(TRAIN, globalBatch=plan['batch'])
    text = text_of(m, t, len(name))
    losses, norms, weights = train(m, t, plan, outer, initial(m), text)
    fixture = dict(model=m, train=t, plan=dict(dp=plan['dp'], outer=outer), tensors=[[a, list(s)] for a, s in shapes(m)],
                   tokens=text, losses=losses, gradNorms=norms, firstGradient=None, final=pack(weights.values()))
    with open(os.path.join(HERE, name + '.json'), 'w') as file:
        json.dump(fixture, file)
    print(f'{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, norm {max(norms):.3f} .. {min(norms):.3f}')


if __name__ == '__main__':
    for case, (model, plan, outer) in CASES.items():
        if not sys.argv[1:] or case in sys.argv[1:]:
            make(case, model, plan, outer)
