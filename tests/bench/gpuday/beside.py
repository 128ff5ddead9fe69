"""The products and training steps of gpu-day by PyTorch eager in float32, as JSON; on the first CUDA device, else the processor."""
import json
import time

import torch

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
device = 'cuda' if torch.cuda.is_available() else 'mps' if torch.backends.mps.is_available() else 'cpu'
SECONDS = 0.2 if device != 'cpu' else 0.05
PRODUCTS = {
    'forward 2048 x 2048 x 2048': (2048, 2048, 2048), 'forward 16384 x 1536 x 384': (16384, 1536, 384),
    'dX 16384 x 384 x 1536': (16384, 384, 1536), 'dW 384 x 1536 x 16384': (384, 1536, 16384),
    'forward 512 x 512 x 128': (512, 512, 128), 'dW 64 x 256 x 1024': (64, 256, 1024),
}
# layers, width, heads, context, vocabulary, batch: those of tests/bench/gpu/models.ts
MODELS = {'0.1 M': (2, 64, 4, 64, 65, 16), '0.8 M': (4, 128, 4, 128, 65, 4),
          '10.7 M': (6, 384, 6, 256, 65, 64), '124 M': (12, 768, 12, 1024, 50257, 8)}


def wait():
    if device != 'cpu':
        getattr(torch, device).synchronize()


def best(run):
    run(), wait()
    least, until = float('inf'), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        run(), wait()
        least = min(least, time.perf_counter() - began)
    return least


def product(what, m, n, k):
    form = what.split()[0]
    a = torch.randn((k, m) if form == 'dW' else (m, k), device=device)
    b = torch.randn((n, k) if form == 'dX' else (k, n), device=device)
    left, right = a.t() if form == 'dW' else a, b.t() if form == 'dX' else b
    return 2 * m * n * k / best(lambda: left @ right) / 1e9


class Block(torch.nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = torch.nn.LayerNorm(c), torch.nn.LayerNorm(c)
        self.qkv, self.proj = torch.nn.Linear(c, 3 * c), torch.nn.Linear(c, c)
        self.up, self.down = torch.nn.Linear(c, 4 * c), torch.nn.Linear(4 * c, c)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.ln1(x)).split(c, 2))
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(torch.nn.functional.gelu(self.up(self.ln2(x)), approximate='tanh'))


def step(layers, c, heads, context, vocab, batch):
    table = torch.nn.Embedding(vocab, c).to(device)
    positions = torch.nn.Embedding(context, c).to(device)
    blocks = torch.nn.Sequential(*(Block(c, heads) for _ in range(layers)), torch.nn.LayerNorm(c)).to(device)
    weights = [*table.parameters(), *positions.parameters(), *blocks.parameters()]
    adam = torch.optim.AdamW(weights, lr=1e-4)
    tokens = torch.randint(vocab, (batch, context + 1), device=device)

    def run():
        x = blocks(table(tokens[:, :-1]) + positions.weight)
        loss = torch.nn.functional.cross_entropy((x @ table.weight.t()).flatten(0, 1), tokens[:, 1:].flatten())
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()
        loss.item()

    return best(run) * 1e3


name = torch.cuda.get_device_name() if device == 'cuda' else device
small = device == 'cpu'
products = {what: product(what, *sizes) for what, sizes in PRODUCTS.items() if not small or max(sizes) < 2000}
steps = {model: step(*sizes) for model, sizes in MODELS.items() if not small or model in ('0.1 M', '0.8 M')}
print(json.dumps(dict(device=name, torch=torch.__version__, products=products, steps=steps)))
