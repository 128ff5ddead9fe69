"""Holds headless runs against PyTorch: the same weights, tokens and run file, by real tabs or Node processes.

After `npm run build`:  python3 tests/reference/parity.py [--cases gpt2-tied,...] [--random SEED] [--ranks tabs1,nodes2,...]
One row per run: largest difference of a loss, of a gradient norm (relative), of the final weights (relative L2, the
attention's key bias left out), bytes sent per rank and step over 2(N-1)/N of the gradient's, and of a second run's bits.
"""
import argparse
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

import torch

import make

ROOT = os.path.dirname(os.path.dirname(make.HERE))
# contract: losses in nats, norms relative, weights relative L2
LOSS, NORM, WEIGHTS, BYTES = 1e-4, 1e-4, 2e-5, 0.02


def write_safetensors(path, weights):
    header, data = {}, b''
    for name, x in weights.items():
        raw = x.detach().to(torch.float32).numpy().astype('<f4').tobytes()
        header[name] = dict(dtype='F32', shape=list(x.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + data)


def read_safetensors(path):
    with open(path, 'rb') as file:
        header = json.loads(file.read(struct.unpack('<Q', file.read(8))[0]))
        data = file.read()
    header.pop('__metadata__', None)
    flat = lambda a, b: torch.frombuffer(bytearray(data[a:b]), dtype=torch.float32).to(torch.float64)
    return {name: flat(*entry['data_offsets']).view(entry['shape']) for name, entry in header.items()}


def random_case(seed):
    """A model and a training of sizes that are nobody's favourites."""
    r = random.Random(seed)
    arch = r.choice(['gpt2', 'llama'])
    heads = r.choice([1, 2, 3, 4, 6])
    size = r.choice([4, 6, 10, 14, 20, 24] if arch == 'llama' else [3, 5, 8, 13, 20])
    divisors = [d for d in range(1, heads + 1) if heads % d == 0]
    m = dict(arch=arch, layers=r.randint(1, 3), heads=heads, kvHeads=r.choice(divisors) if arch == 'llama' else heads,
             dim=heads * size, hidden=r.randint(9, 150), context=r.randint(3, 40), vocab=r.randint(11, 211),
             tieEmbeddings=r.random() < 0.5, ropeTheta=r.choice([500, 10000]))
    # clip at 0.3: active in most steps of any of these
    t = dict(make.TRAIN, globalBatch=r.randint(4, 13), lr=r.choice([1e-3, 3e-3, 1e-2]), warmupSteps=r.randint(1, 8),
             minLr=r.choice([0, 1e-4]), weightDecay=r.choice([0, 0.1, 0.3]), gradClip=r.choice([0.3, 1.0]))
    return m, t


def left_out(m, name, x):
    """The key bias's gradient is mathematically zero; AdamW makes weights of the rounding noise."""
    if not name.endswith('attn.c_attn.bias'):
        return x
    keep = torch.ones(3 * m['dim'])
    keep[m['dim']:2 * m['dim']] = 0
    return x * keep


def headless(folder, kind, count, out, timeout=300):
    command = ['node', os.path.join(ROOT, 'dist/node/train.js'), f'{folder}/run.json', f'--{kind}', str(count),
               '--init', f'{folder}/init.safetensors', '--out', out]
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if result.returncode != 0:
        raise SystemExit(f'{" ".join(command)}\n{result.stderr}')
    with open(f'{out}/metrics.jsonl') as file:
        metrics = [json.loads(line) for line in file]
    with open(f'{out}/summary.json') as file:
        summary = json.load(file)
    return metrics, summary


def compare(name, m, t, seed, ranks, plan, twice):
    weights = make.initial(m)
    text = make.text_of(m, t, seed)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        write_safetensors(f'{folder}/init.safetensors', weights)
        with open(f'{folder}/tokens.bin', 'wb') as file:
            file.write(struct.pack(f'<{len(text)}H', *text))
        data = dict(source=f'tokens:{folder}/tokens.bin', order='sequential')
        with open(f'{folder}/run.json', 'w') as file:
            json.dump(dict(model=m, data=data, train=t, plan=plan), file)
        losses, norms, _ = make.train(m, t, weights, text)
        gradient = 4 * sum(x.numel() for x in weights.values())
        for kind, count in ranks:
            metrics, summary = headless(folder, kind, count, f'{folder}/out')
            got = read_safetensors(f'{folder}/out/model.safetensors')
            assert list(sorted(got)) == sorted(weights), f'{sorted(got)} are not the names expected'
            assert [row['step'] for row in metrics] == list(range(t['steps']))
            loss = max(abs(row['loss'] - due) for row, due in zip(metrics, losses))
            norm = max(abs(row['gradNorm'] / due - 1) for row, due in zip(metrics, norms))
            far = sum(float(left_out(m, n, got[n] - x.detach()).pow(2).sum()) for n, x in weights.items())
            long = sum(float(left_out(m, n, x.detach()).pow(2).sum()) for n, x in weights.items())
            l2 = math.sqrt(far / long)
            hashes = len(set(summary['weightsHash']))
            # without the first step, which has no traffic of an earlier one to count
            sent = [b for row in metrics[1:] for b in row['bytesSent']]
            due = 2 * (count - 1) / count * gradient
            is_plain = summary['plan']['pp'] == summary['plan']['tp'] == 1
            ratio = max((abs(b / due - 1) for b in sent), default=0) if count > 1 and is_plain else 0
            again = ''
            if twice:
                _, second = headless(folder, kind, count, f'{folder}/again')
                same = second['weightsHash'] == summary['weightsHash']
                again = 'again bit-equal' if same else 'AGAIN DIFFERENT'
                failed += not same
            ok = loss < LOSS and norm < NORM and l2 < WEIGHTS and ratio < BYTES and (hashes == 1 or not is_plain)
            failed += not ok
            print(f'{name:14} {kind} {count}: loss {loss:.1e}  norm {norm:.1e}  weights {l2:.1e}  '
                  f'hashes {hashes}  bytes {ratio:+.2%} {again} {"ok" if ok else "FAILED"}', flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--cases', default='')
    parser.add_argument('--random', type=int, nargs='*', default=[])
    parser.add_argument('--ranks', default='tabs1,tabs2,tabs3,tabs4,nodes1,nodes2,nodes4')
    parser.add_argument('--plan', default='{}', help='the plan section as JSON')
    parser.add_argument('--twice', action='store_true', help='run everything twice and compare the bits')
    args = parser.parse_args()
    ranks = [(text[:4], int(text[4:])) if text.startswith('tabs') else (text[:5], int(text[5:]))
             for text in args.ranks.split(',')]
    cases = [(name, make.CASES[name], make.TRAIN, 1) for name in args.cases.split(',') if name]
    cases += [(f'random {seed}', *random_case(seed), seed) for seed in args.random]
    failed = sum(compare(*case, ranks, json.loads(args.plan), args.twice) for case in cases)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
