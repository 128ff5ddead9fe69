# ---- Llama

# Tabtrain's parameter -> the modules' parameters, one after the other along the output dim
NAMES = {
    'wte': ['wte.weight'], 'head.w': ['out.weight'], 'ln.g': ['norm.weight'],
    'ln1.g': ['ln1.weight'], 'ln2.g': ['ln2.weight'],
    'attn.qkv.w': ['q.weight', 'k.weight', 'v.weight'], 'attn.qkv.b': ['q.bias', 'k.bias', 'v.bias'],
    'attn.proj.w': ['proj.weight'], 'mlp.fc.w': ['gate.weight', 'up.weight'], 'mlp.proj.w': ['down.weight'],
}
TRANSPOSED = set()
#? tp
COLUMNS, ROWS = ['q', 'k', 'v', 'gate', 'up'], ['proj', 'down']
#?


def frequencies():
    """Radians per position of every pair of a head's elements, [HEAD / 2]."""
    turns = MODEL['ropeTheta'] ** (-torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    scaling = MODEL.get('ropeScaling')
    if scaling is None:
        return turns
    if scaling['type'] == 'linear':
        return turns / scaling['factor']
    # llama3: slow pairs are stretched, fast ones stay, those between are mixed
    low, high = scaling['lowFrequency'], scaling['highFrequency']
    periods = turns * scaling['originalContext'] / (2 * math.pi)
    kept = ((periods - low) / (high - low)).clamp(0, 1)
    return turns / scaling['factor'] * (1 - kept) + turns * kept


def rotate(x):
    """Rotary positions over x [batch, heads, T, HEAD]; element i of a head is paired with i + HEAD / 2."""
    angle = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * frequencies()
    cos, sin = angle.cos().to(x), angle.sin().to(x)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(MODEL['vocab'], MODEL['dim'])

    def forward(self, tokens):
        return self.wte(tokens)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        C, hidden, bias = MODEL['dim'], MODEL['hidden'], MODEL.get('qkvBias', False)
        self.ln1, self.ln2 = nn.RMSNorm(C, EPS), nn.RMSNorm(C, EPS)
        self.q = nn.Linear(C, MODEL['heads'] * HEAD, bias)
        self.k, self.v = (nn.Linear(C, MODEL['kvHeads'] * HEAD, bias) for _ in range(2))
        self.proj = nn.Linear(MODEL['heads'] * HEAD, C, bias=False)
        self.gate, self.up = (nn.Linear(C, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, C, bias=False)

    def forward(self, x):
        y = self.ln1(x)
        q, k, v = (part(y).unflatten(-1, (-1, HEAD)).transpose(1, 2) for part in (self.q, self.k, self.v))
        k, v = (part.repeat_interleave(MODEL['heads'] // MODEL['kvHeads'], 1) for part in (k, v))
        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.proj(y)
        y = self.ln2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm(MODEL['dim'], EPS)
        self.out = nn.Linear(MODEL['dim'], MODEL['vocab'], bias=False)

    def forward(self, x):
        return self.out(self.norm(x))


