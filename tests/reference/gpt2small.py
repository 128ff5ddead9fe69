"""One step of GPT-2 small (12 layers of 768, 50,257 tokens) at context 128, batch 1, by a Node process against PyTorch.

After `npm run build`:  python3 tests/reference/gpt2small.py      # needs 10 GB; minutes on a software adapter
Prints loss and gradient norm of both; exits 1 where the loss differs by 1e-4 or the norm by 1e-3 of itself.
"""
import json
import struct
import sys
import tempfile

import torch

import make
import parity

MODEL = dict(arch='gpt2', layers=12, heads=12, kvHeads=12, dim=768, hidden=3072, context=128, vocab=50257,
             tieEmbeddings=True, ropeTheta=10000)
TRAIN = dict(make.TRAIN, globalBatch=1, steps=1, warmupSteps=0, gradClip=0.1)
LOSS, NORM = 1e-4, 1e-3


def initial():
    """Normal with the deviation of GPT-2, gains around 1, in float32 numbers."""
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for name, shape in make.shapes(MODEL):
        start = 1.0 if len(shape) == 1 and name.endswith('weight') else 0.0
        weights[name] = (start + 0.02 * torch.randn(shape, generator=generator, dtype=torch.float32)).double().requires_grad_(True)
    return weights


def main():
    weights = initial()
    text = make.text_of(MODEL, TRAIN, 1)
    with tempfile.TemporaryDirectory() as folder:
        parity.write_safetensors(f'{folder}/init.safetensors', weights)
        with open(f'{folder}/tokens.bin', 'wb') as file:
            file.write(struct.pack(f'<{len(text)}H', *text))
        data = dict(source=f'tokens:{folder}/tokens.bin', order='sequential')
        with open(f'{folder}/run.json', 'w') as file:
            json.dump(dict(model=MODEL, data=data, train=TRAIN, plan={}), file)
        [loss], [norm], _ = make.train(MODEL, TRAIN, weights, text)
        print(f'PyTorch, float64: loss {loss:.6f}, gradient norm {norm:.6f}', flush=True)
        del weights
        [row], summary = parity.headless(folder, 'nodes', 1, f'{folder}/out', timeout=1500)
    print(f'{summary["adapter"]}: loss {row["loss"]:.6f}, gradient norm {row["gradNorm"]:.6f}, {row["ms"]:.0f} ms')
    memory = summary['ranks'][0]['memory']
    print('MB by role: ' + ', '.join(f'{role} {size / 1e6:.0f}' for role, size in memory.items()))
    apart = abs(row['loss'] - loss), abs(row['gradNorm'] / norm - 1)
    print(f'apart: loss {apart[0]:.1e} (limit {LOSS}), norm {apart[1]:.1e} (limit {NORM})')
    sys.exit(0 if apart[0] < LOSS and apart[1] < NORM else 1)


if __name__ == '__main__':
    main()
