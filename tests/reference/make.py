"""Writes the fixtures of tests/equivalence: short training runs by PyTorch autograd in float64.

Run with a python3 that has torch (any version from 1.13):  python3 tests/reference/make.py [NAME ...]
Semantics are those of the run file: sums divided once by the tokens of the global batch, clip by global norm with
min(1, clip / (norm + 1e-6)), decoupled AdamW, decay on tensors of rank >= 2, linear warm-up then cosine.
Weights are float32 (base64), one after the other in file order, with Hugging Face names; the start is a hash.
"""
import base64
import json
import math
import os
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_default_dtype(torch.float64)

TRAIN = dict(globalBatch=8, steps=20, lr=1e-2, schedule='cosine', warmupSteps=4, minLr=1e-3, betas=[0.9, 0.95],
             eps=1e-8, weightDecay=0.1, gradClip=1.0, seed=1, evalEvery=0)
ODD = dict(heads=3, kvHeads=3, dim=60, hidden=112, context=33, vocab=97)
# Enough layers for two chunks on each of 4 ranks (tall: three), enough samples for 2 ranks of 8 microbatches.
DEEP = dict(layers=6, heads=4, dim=24, context=8, vocab=30)
CASES = {
    'gpt2-tied': dict(ODD, arch='gpt2', layers=1, tieEmbeddings=True, ropeTheta=10000),
    'gpt2-untied': dict(ODD, arch='gpt2', layers=1, tieEmbeddings=False, ropeTheta=10000),
    'gpt2-deep': dict(DEEP, arch='gpt2', kvHeads=4, hidden=48, tieEmbeddings=True, ropeTheta=10000),
    'gpt2-tall': dict(DEEP, arch='gpt2', kvHeads=4, hidden=48, tieEmbeddings=False, ropeTheta=10000, layers=10),
    'llama-untied': dict(arch='llama', layers=1, heads=6, kvHeads=2, dim=60, hidden=88, context=21, vocab=61,
                         tieEmbeddings=False, ropeTheta=10000),
    'llama-deep': dict(DEEP, arch='llama', kvHeads=2, hidden=40, tieEmbeddings=True, ropeTheta=500),
    'llama-tall': dict(DEEP, arch='llama', kvHeads=2, hidden=40, tieEmbeddings=False, ropeTheta=500, layers=10),
}


def shapes(m):
    """Hugging Face's names and shapes, in file order: tied heads have no tensor of their own."""
    C, V, D = m['dim'], m['vocab'], m['hidden']
    KV = C // m['heads'] * m['kvHeads']
    if m['arch'] == 'gpt2':
        yield 'transformer.wte.weight', (V, C)
        yield 'transformer.wpe.weight', (m['context'], C)
        for i in range(m['layers']):
            p = f'transformer.h.{i}.'
            for name, shape in [('ln_1.weight', (C,)), ('ln_1.bias', (C,)), ('attn.c_attn.weight', (C, 3 * C)),
                                ('attn.c_attn.bias', (3 * C,)), ('attn.c_proj.weight', (C, C)),
                                ('attn.c_proj.bias', (C,)), ('ln_2.weight', (C,)), ('ln_2.bias', (C,)),
                                ('mlp.c_fc.weight', (C, D)), ('mlp.c_fc.bias', (D,)),
                                ('mlp.c_proj.weight', (D, C)), ('mlp.c_proj.bias', (C,))]:
                yield p + name, shape
        yield 'transformer.ln_f.weight', (C,)
        yield 'transformer.ln_f.bias', (C,)
    else:
        yield 'model.embed_tokens.weight', (V, C)
        for i in range(m['layers']):
            p = f'model.layers.{i}.'
            for name, shape in [('input_layernorm.weight', (C,)), ('self_attn.q_proj.weight', (C, C)),
                                ('self_attn.k_proj.weight', (KV, C)), ('self_attn.v_proj.weight', (KV, C)),
                                ('self_attn.o_proj.weight', (C, C)), ('post_attention_layernorm.weight', (C,)),
                                ('mlp.gate_proj.weight', (D, C)), ('mlp.up_proj.weight', (D, C)),
                                ('mlp.down_proj.weight', (C, D))]:
                yield p + name, shape
        yield 'model.norm.weight', (C,)
    if not m['tieEmbeddings']:
        yield 'lm_head.weight', (V, C)


def uniform(index, key):
    """A hash with 16 bits of result, so that the start is exact in float32 and need not be stored."""
    x = ((index + 1) * 2654435761 ^ (key + 1) * 2246822519) & 0xffffffff
    x = (x ^ x >> 15) * 2246822519 & 0xffffffff
    x ^= x >> 13
    return (x >> 16) / 65536


def initial(m):
    """Larger than a real start, so that every path carries a gradient worth comparing."""
    weights = {}
    for key, (name, shape) in enumerate(shapes(m)):
        gain = len(shape) == 1 and name.endswith('weight')
        low, width = (0.875, 0.25) if gain else (-0.03125, 0.0625) if len(shape) == 1 else (-0.125, 0.25)
        values = [low + width * uniform(i, key) for i in range(math.prod(shape))]
        weights[name] = torch.tensor(values).view(shape).requires_grad_(True)
    return weights


def split_heads(x, heads):
    b, t, c = x.shape
    return x.view(b, t, heads, c // heads).transpose(1, 2)


def attend(q, k, v):
    t = q.shape[2]
    score = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    score = score.masked_fill(torch.triu(torch.ones(t, t, dtype=torch.bool), 1), float('-inf'))
    mixed = torch.softmax(score, -1) @ v
    return mixed.transpose(1, 2).flatten(2)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def rotate(x, theta):
    """Rotary positions, half-split as in Hugging Face's Llama."""
    t, h = x.shape[2], x.shape[3]
    frequency = theta ** (-torch.arange(0, h, 2) / h)
    angle = torch.arange(t)[:, None] * frequency[None, :]
    cos, sin = torch.cos(angle), torch.sin(angle)
    a, b = x[..., :h // 2], x[..., h // 2:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def rms(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * gain


def gpt2(m, w, tokens):
    def norm(x, name):
        return torch.nn.functional.layer_norm(x, (m['dim'],), w[name + '.weight'], w[name + '.bias'], 1e-5)

    def linear(x, name):
        return x @ w[name + '.weight'] + w[name + '.bias']

    x = w['transformer.wte.weight'][tokens] + w['transformer.wpe.weight'][:tokens.shape[1]]
    for i in range(m['layers']):
        p = f'transformer.h.{i}.'
        q, k, v = linear(norm(x, p + 'ln_1'), p + 'attn.c_attn').chunk(3, -1)
        x = x + linear(attend(*(split_heads(y, m['heads']) for y in (q, k, v))), p + 'attn.c_proj')
        x = x + linear(gelu(linear(norm(x, p + 'ln_2'), p + 'mlp.c_fc')), p + 'mlp.c_proj')
    return norm(x, 'transformer.ln_f') @ w.get('lm_head.weight', w['transformer.wte.weight']).T


def llama(m, w, tokens):
    group = m['heads'] // m['kvHeads']
    x = w['model.embed_tokens.weight'][tokens]
    for i in range(m['layers']):
        p = f'model.layers.{i}.'
        y = rms(x, w[p + 'input_layernorm.weight'])
        q = rotate(split_heads(y @ w[p + 'self_attn.q_proj.weight'].T, m['heads']), m['ropeTheta'])
        k = rotate(split_heads(y @ w[p + 'self_attn.k_proj.weight'].T, m['kvHeads']), m['ropeTheta'])
        v = split_heads(y @ w[p + 'self_attn.v_proj.weight'].T, m['kvHeads'])
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        x = x + attend(q, k, v) @ w[p + 'self_attn.o_proj.weight'].T
        y = rms(x, w[p + 'post_attention_layernorm.weight'])
        gate = torch.nn.functional.silu(y @ w[p + 'mlp.gate_proj.weight'].T)
        x = x + (gate * (y @ w[p + 'mlp.up_proj.weight'].T)) @ w[p + 'mlp.down_proj.weight'].T
    return rms(x, w['model.norm.weight']) @ w.get('lm_head.weight', w['model.embed_tokens.weight']).T


def rate(t, step):
    if step < t['warmupSteps']:
        return t['lr'] * (step + 1) / t['warmupSteps']
    progress = (step - t['warmupSteps']) / max(1, t['steps'] - t['warmupSteps'])
    return t['minLr'] + (t['lr'] - t['minLr']) * (1 + math.cos(math.pi * progress)) / 2


def pack(weights):
    flat = torch.cat([w.detach().flatten() for w in weights]).to(torch.float32)
    return base64.b64encode(flat.numpy().astype('<f4').tobytes()).decode()


def text_of(m, t, seed):
    """Token numbers with structure, so that 20 steps learn something and the clip is active and then not."""
    generator = torch.Generator().manual_seed(seed)
    count = t['globalBatch'] * m['context'] * 6 + 1
    noise = torch.randint(0, m['vocab'], (count,), generator=generator)
    return [(i * i + 3 * i) % m['vocab'] if i % 3 else int(noise[i]) for i in range(count)]


def train(m, t, w, text):
    """Train the weights `w` in place; losses and norms of every step, and the gradient of the first."""
    T, B = m['context'], t['globalBatch']
    forward = gpt2 if m['arch'] == 'gpt2' else llama
    decayed = [x for x in w.values() if x.dim() >= 2]
    others = [x for x in w.values() if x.dim() < 2]
    groups = [dict(params=decayed, weight_decay=t['weightDecay']), dict(params=others, weight_decay=0.0)]
    adam = torch.optim.AdamW(groups, lr=1.0, betas=tuple(t['betas']), eps=t['eps'])
    losses, norms, gradient = [], [], None
    windows = (len(text) - 1) // T
    for step in range(t['steps']):
        starts = [((step * B + i) % windows) * T for i in range(B)]
        rows = torch.tensor([text[s:s + T + 1] for s in starts])
        logits = forward(m, w, rows[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction='sum')
        adam.zero_grad()
        (loss / (B * T)).backward()
        norm = math.sqrt(sum(float(x.grad.pow(2).sum()) for x in w.values()))
        if step == 0:
            gradient = pack(x.grad for x in w.values())
        for x in w.values():
            x.grad *= min(1.0, t['gradClip'] / (norm + 1e-6))
        for group in adam.param_groups:
            group['lr'] = rate(t, step)
        adam.step()
        losses.append(float(loss) / (B * T))
        norms.append(norm)
    assert max(norms) > t['gradClip'], 'the clip is never active'
    return losses, norms, gradient


def make(name, m):
    t = dict(TRAIN, globalBatch=16) if name.endswith(('deep', 'tall')) else TRAIN
    w = initial(m)
    text = text_of(m, t, len(name) + m['layers'])
    losses, norms, gradient = train(m, t, w, text)
    fixture = dict(model=m, train=t, tensors=[[n, list(s)] for n, s in shapes(m)], tokens=text, losses=losses,
                   gradNorms=norms, firstGradient=gradient if name.endswith('deep') else None,
                   final=pack(w.values()))
    with open(os.path.join(HERE, name + '.json'), 'w') as file:
        json.dump(fixture, file)
    floats = sum(x.numel() for x in w.values())
    print(f'{name}: {floats} parameters, loss {losses[0]:.4f} -> {losses[-1]:.4f}, '
          f'norm {max(norms):.3f} .. {min(norms):.3f}')


if __name__ == '__main__':
    for case, config in CASES.items():
        if not sys.argv[1:] or case in sys.argv[1:]:
            make(case, config)
