"""LoRA by PEFT: losses and norms of ten steps, the fixture of tests/equivalence; and whether PEFT loads what a run wrote.

python3 tests/reference/lora.py                writes lora.json
python3 tests/reference/lora.py --check OUT ...    OUT: the output folder of a LoRA run that began with the model in
    OUT/base; PEFT's model of base and adapter must say what the merged weights of OUT say

Needs torch, transformers (5.18) and peft (0.21). Weights are those of checkpoints.py, in float64.
"""
import argparse
import copy
import json
import math
import os
import tempfile

import peft
import torch
import transformers

import checkpoints

STEPS, BATCH, CONTEXT = 10, 4, checkpoints.CONTEXT
TRAIN = dict(globalBatch=BATCH, steps=STEPS, lr=1e-2, schedule='constant', betas=[0.9, 0.95], eps=1e-8, weightDecay=0.1,
             gradClip=0.5, seed=1, evalEvery=0)
CASES = {
    'gpt2': (checkpoints.gpt2(), dict(rank=3, alpha=6, targets=['c_attn'])),
    'gpt2-all': (checkpoints.gpt2(tie_word_embeddings=False), dict(rank=2, alpha=8, targets=['c_attn', 'c_proj'])),
    'gpt2-mlp': (checkpoints.gpt2(activation_function='relu'), dict(rank=2, alpha=4, targets=['c_fc', 'c_proj'])),
    'llama': (checkpoints.llama(), dict(rank=4, alpha=4, targets=['q_proj', 'v_proj'])),
    'llama-heads': (checkpoints.llama(num_attention_heads=4, num_key_value_heads=2), dict(rank=2, alpha=3, targets=[
        'q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'])),
    'llama-all': (checkpoints.qwen2(tie_word_embeddings=True), dict(rank=2, alpha=3, targets=[
        'q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'])),
}


def adapted(case, lora):
    config = peft.LoraConfig(r=lora['rank'], lora_alpha=lora['alpha'], target_modules=lora['targets'], lora_dropout=0.0,
                             fan_in_fan_out=case['kind'] == 'GPT2', task_type='CAUSAL_LM')
    model = peft.get_peft_model(checkpoints.model_of(case).double().eval(), config)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.requires_grad:
                tensor.copy_(checkpoints.values(name.replace('.default', ''), tensor.shape) / 8)
    return model


def train(model, vocab):
    text = checkpoints.text_of(vocab)
    own = [x for x in model.parameters() if x.requires_grad]
    adam = torch.optim.AdamW(own, lr=TRAIN['lr'], betas=TRAIN['betas'], eps=TRAIN['eps'], weight_decay=TRAIN['weightDecay'])
    windows = (len(text) - 1) // CONTEXT
    losses, norms = [], []
    for step in range(STEPS):
        starts = [(step * BATCH + i) % windows * CONTEXT for i in range(BATCH)]
        rows = torch.tensor([text[s:s + CONTEXT + 1] for s in starts])
        logits = model(rows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        adam.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(float(x.grad.pow(2).sum()) for x in own))
        for x in own:
            x.grad *= min(1.0, TRAIN['gradClip'] / (norm + 1e-6))
        adam.step()
        losses.append(float(loss.detach()))
        norms.append(norm)
    return losses, norms


def make():
    fixture = {}
    for name, (case, lora) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            checkpoints.save(case, checkpoints.model_of(case), folder)
            with open(f'{folder}/config.json') as file:
                config = json.load(file)
            files = checkpoints.tensors_of(folder)
        model = adapted(case, lora)
        losses, norms = train(model, case['config']['vocab_size'])
        trained = sum(x.numel() for x in model.parameters() if x.requires_grad)
        names = sorted(n.replace('.default', '') for n, x in model.named_parameters() if x.requires_grad)
        fixture[name] = dict(config=config, files=files, lora=lora, losses=losses, gradNorms=norms, trained=trained, names=names)
        print(f'{name}: {trained} trained, loss {losses[0]:.6f} -> {losses[-1]:.6f}, norm {norms[0]:.4f}', flush=True)
    fixture['train'] = TRAIN
    with open(os.path.join(checkpoints.HERE, 'lora.json'), 'w') as file:
        json.dump(fixture, file)


def check(out):
    base = transformers.AutoModelForCausalLM.from_pretrained(f'{out}/base').eval()
    merged = transformers.AutoModelForCausalLM.from_pretrained(out).eval()
    tokens = torch.tensor([checkpoints.text_of(base.config.vocab_size)[:CONTEXT]])
    with torch.no_grad():
        plain = base(tokens).logits
        own = peft.PeftModel.from_pretrained(copy.deepcopy(base), f'{out}/adapter').eval()(tokens).logits
        other = merged(tokens).logits
    apart, changed = float((own - other).abs().max()), float((own - plain).abs().max())
    print(f'PEFT against the merged weights: logits apart by {apart:.1e}; the adapter changes them by {changed:.1e}')
    return 0 if apart < 1e-4 < changed else 1


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--check', nargs='+')
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    raise SystemExit(max(map(check, args.check)) if args.check else make())
