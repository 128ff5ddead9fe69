# ---- GPT-2

# Tabtrain's parameter -> the modules' parameters, one after the other along the output dim
NAMES = {
    'wte': ['wte.weight'], 'wpe': ['wpe.weight'], 'head.w': ['out.weight'], 'ln.g': ['norm.weight'], 'ln.b': ['norm.bias'],
    'ln1.g': ['ln1.weight'], 'ln1.b': ['ln1.bias'], 'ln2.g': ['ln2.weight'], 'ln2.b': ['ln2.bias'],
    'attn.qkv.w': ['q.weight', 'k.weight', 'v.weight'], 'attn.qkv.b': ['q.bias', 'k.bias', 'v.bias'],
    'attn.proj.w': ['proj.weight'], 'attn.proj.b': ['proj.bias'], 'mlp.fc.w': ['fc.weight'], 'mlp.fc.b': ['fc.bias'],
    'mlp.proj.w': ['down.weight'], 'mlp.proj.b': ['down.bias'],
}
# stored [in, out], as by GPT-2; nn.Linear has [out, in]
TRANSPOSED = {'attn.qkv.w', 'attn.proj.w', 'mlp.fc.w', 'mlp.proj.w'}
#? tp
COLUMNS, ROWS = ['q', 'k', 'v', 'fc'], ['proj', 'down']
#?


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(MODEL['vocab'], MODEL['dim'])
        self.wpe = nn.Embedding(CONTEXT, MODEL['dim'])

    def forward(self, tokens):
        return self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        C, hidden = MODEL['dim'], MODEL['hidden']
        self.ln1, self.ln2 = nn.LayerNorm(C, EPS), nn.LayerNorm(C, EPS)
        self.q, self.k, self.v, self.proj = (nn.Linear(C, C) for _ in range(4))
        self.fc, self.down = nn.Linear(C, hidden), nn.Linear(hidden, C)

    def forward(self, x):
        y = self.ln1(x)
        q, k, v = (part(y).unflatten(-1, (-1, HEAD)).transpose(1, 2) for part in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.proj(y)
        return x + self.down(@ACTIVATION@(self.fc(self.ln2(x))@APPROXIMATE@))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(MODEL['dim'], EPS)
        self.out = nn.Linear(MODEL['dim'], MODEL['vocab'], bias=False)

    def forward(self, x):
        return self.out(self.norm(x))


