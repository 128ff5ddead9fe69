"""Checkpoints of Hugging Face's transformers, and what the first step on them must give: loss and gradient norm.

python3 tests/reference/checkpoints.py                 writes checkpoints.json, the fixture of tests/equivalence
python3 tests/reference/checkpoints.py --check FOLDER [NAME ...]  writes the checkpoints into FOLDER by save_pretrained,
    trains one step of each by `npm run train -- --nodes 1 --init` (after `npm run build`) and compares

Needs torch and transformers (5.18). Weights are a hash of tensor and element with so few bits that F16 and BF16 hold them
exactly, so the fixture needs none. A case whose config.json Tabtrain does not honour must be refused by `refused`.
"""
import argparse
import copy
import glob
import json
import math
import os
import struct
import subprocess
import sys

import numpy
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BATCH, CONTEXT = 2, 16
# exact and tanh GELU differ by 5e-6 here; float32 is measured to differ from float64 by less than 1e-6
LOSS, NORM = 2e-6, 1e-4

GPT2 = dict(vocab_size=97, n_positions=CONTEXT, n_embd=24, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0)
LLAMA = dict(vocab_size=97, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
             num_key_value_heads=1, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5)
LLAMA3 = dict(rope_type='llama3', rope_theta=100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=12)


def gpt2(**fields):
    return dict(kind='GPT2', config=dict(GPT2, **fields))


def llama(**fields):
    return dict(kind='Llama', config=dict(LLAMA, **fields))


def qwen2(**fields):
    return dict(kind='Qwen2', config=dict(LLAMA, **fields))


CASES = {
    'gpt2': gpt2(),
    'gpt2-f16': dict(gpt2(), dtype='float16'),
    'gpt2-bf16-shards': dict(gpt2(), dtype='bfloat16', shard='8KB'),
    'gpt2-no-prefix': dict(gpt2(), bare=True),
    'gpt2-buffers': dict(gpt2(), buffers=True),
    'gpt2-exact-gelu': gpt2(activation_function='gelu'),
    'gpt2-relu': gpt2(activation_function='relu'),
    'gpt2-pytorch-tanh': gpt2(activation_function='gelu_pytorch_tanh'),
    'gpt2-untied-inner-eps': gpt2(tie_word_embeddings=False, n_inner=52, layer_norm_epsilon=1e-3),
    'gpt2-long-positions': gpt2(n_positions=40),
    'gpt2-large-vocabulary': gpt2(vocab_size=70000, n_embd=12, n_layer=1),
    'gpt2-inverse-layer': dict(gpt2(scale_attn_by_inverse_layer_idx=True), refused='scale_attn_by_inverse_layer_idx'),
    'gpt2-unscaled': dict(gpt2(scale_attn_weights=False), refused='scale_attn_weights'),
    'gpt2-silu': dict(gpt2(activation_function='silu'), refused='activation_function'),
    'gpt2-talk': dict(gpt2(n_positions=128), talk=True),
    'llama': llama(),
    'llama-tied-eps': llama(tie_word_embeddings=True, rms_norm_eps=1e-2),
    'llama-f16-no-prefix': dict(llama(tie_word_embeddings=True), dtype='float16', bare=True),
    'llama-bf16-shards': dict(llama(), dtype='bfloat16', shard='10KB'),
    'llama-theta': llama(rope_parameters=dict(rope_type='default', rope_theta=500.0)),
    'llama3-rope': llama(rope_parameters=LLAMA3),
    'llama-linear-rope': llama(rope_parameters=dict(rope_type='linear', rope_theta=10000.0, factor=4.0)),
    'llama-head-size': llama(head_dim=10, num_attention_heads=4, num_key_value_heads=2),
    'llama-long': llama(max_position_embeddings=4096),
    'llama-biases': dict(llama(attention_bias=True), refused='attention_bias'),
    'llama-mlp-biases': dict(llama(mlp_bias=True), refused='mlp_bias'),
    'llama-yarn': dict(llama(rope_parameters=dict(rope_type='yarn', rope_theta=10000.0, factor=2.0)),
                       refused='rope_parameters.rope_type'),
    'llama-gelu': dict(llama(hidden_act='gelu'), refused='hidden_act'),
    'qwen2': qwen2(num_attention_heads=4),
    'qwen2-tied-head-size': qwen2(tie_word_embeddings=True, head_dim=12, num_key_value_heads=3),
    'qwen2-talk': dict(qwen2(num_attention_heads=4, max_position_embeddings=128, rope_parameters=LLAMA3), talk=True),
    'qwen2-window': dict(qwen2(use_sliding_window=True, sliding_window=4, max_window_layers=1), refused='use_sliding_window'),
}


def hashed(name, count):
    """`count` numbers of 7 bits, a function of the name (FNV-1a) and the index."""
    key = 0x811c9dc5
    for byte in name.encode():
        key = (key ^ byte) * 0x01000193 & 0xffffffff
    index = numpy.arange(1, count + 1, dtype=numpy.uint64)
    x = (index * 2654435761 ^ numpy.uint64((key + 1) * 2246822519 & 0xffffffff)) & 0xffffffff
    x = ((x ^ x >> 15) * 2246822519) & 0xffffffff
    x ^= x >> 13
    return (x >> 25).astype(numpy.int64)


def values(name, shape):
    level = hashed(name, math.prod(shape))
    if len(shape) > 1:
        flat = (level - 64) / 128
    elif name.endswith('bias'):
        flat = (level - 64) / 2048
    else:
        flat = 0.875 + (level >> 3) / 64
    return torch.tensor(flat, dtype=torch.float64).view(*shape)


def text_of(vocab):
    count = BATCH * CONTEXT * 8 + 1
    high, low = hashed('high', count), hashed('low', count)
    return [int(h * 128 * 128 + l * 128 + h) % vocab for h, l in zip(high, low)]


def model_of(case):
    config = getattr(transformers, case['kind'] + 'Config')(**copy.deepcopy(case['config']))
    name = {'GPT2': 'GPT2LMHeadModel', 'Llama': 'LlamaForCausalLM', 'Qwen2': 'Qwen2ForCausalLM'}[case['kind']]
    model = getattr(transformers, name)(config)
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            tensor.copy_(values(key, tensor.shape))
    return model


def first_step(model, vocab):
    """Loss and norm of the mean gradient on the first two windows, in float64."""
    model = copy.deepcopy(model).double().eval()
    text = text_of(vocab)
    rows = torch.tensor([text[i * CONTEXT:(i + 1) * CONTEXT + 1] for i in range(BATCH)])
    logits = model(rows[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    loss.backward()
    return float(loss.detach()), math.sqrt(sum(float(x.grad.pow(2).sum()) for x in model.parameters()))


def greedy(model, vocab):
    """The prompt (8 tokens) and the 100 most probable tokens after it, in float64."""
    model = copy.deepcopy(model).double().eval()
    prompt = torch.tensor([text_of(vocab)[:8]])
    with torch.no_grad():
        return model.generate(prompt, max_new_tokens=100, do_sample=False, eos_token_id=None, pad_token_id=0)[0].tolist()


def save(case, model, folder):
    """As people's checkpoints are: in their type, with or without prefix, with the buffers of old versions, in shards."""
    model = model.to(getattr(torch, case.get('dtype', 'float32')))
    whole = model.base_model if case.get('bare') else model
    if case.get('buffers'):
        state = whole.state_dict()
        for i in range(case['config']['n_layer']):
            mask = torch.tril(torch.ones(CONTEXT, CONTEXT, dtype=torch.uint8)).view(1, 1, CONTEXT, CONTEXT)
            state[f'transformer.h.{i}.attn.bias'] = mask
            state[f'transformer.h.{i}.attn.masked_bias'] = torch.tensor(-1e4)
        state.pop('lm_head.weight')
        os.makedirs(folder, exist_ok=True)
        from safetensors.torch import save_file
        whole.config.save_pretrained(folder)
        save_file(state, f'{folder}/model.safetensors', metadata=dict(format='pt'))
    else:
        whole.save_pretrained(folder, max_shard_size=case.get('shard', '5GB'))


def tensors_of(folder):
    """[file, [[name, type, shape]]] of every safetensors file."""
    found = []
    for path in sorted(glob.glob(f'{folder}/*.safetensors')):
        with open(path, 'rb') as file:
            header = json.loads(file.read(struct.unpack('<Q', file.read(8))[0]))
        header.pop('__metadata__', None)
        found.append([os.path.basename(path), [[n, e['dtype'], e['shape']] for n, e in header.items()]])
    return found


def write_all(folder, names):
    fixture = {}
    for name in names:
        case = CASES[name]
        model = model_of(case)
        vocab = case['config']['vocab_size']
        target = f'{folder}/{name}'
        entry = dict(refused=case['refused']) if 'refused' in case else dict(zip(('loss', 'gradNorm'), first_step(model, vocab)))
        if case.get('talk'):
            entry['greedy'] = greedy(model, vocab)
        save(case, model, target)
        with open(f'{target}/config.json') as file:
            entry['config'] = json.load(file)
        entry['files'] = tensors_of(target)
        fixture[name] = entry
        kind = 'I' if vocab > 65536 else 'H'
        text = text_of(vocab)
        with open(f'{target}/tokens.bin', 'wb') as file:
            file.write(struct.pack(f'<{len(text)}{kind}', *text))
        run = dict(model=dict(context=CONTEXT), data=dict(source='tokens:tokens.bin', order='sequential'),
                   train=dict(globalBatch=BATCH, steps=1, evalEvery=0))
        with open(f'{target}/run.json', 'w') as file:
            json.dump(run, file)
        print(name, entry.get('refused') or f"{entry['loss']:.6f} {entry['gradNorm']:.6f}", flush=True)
    return fixture


def check(folder, names):
    failed = 0
    for name, entry in write_all(folder, names).items():
        command = ['node', os.path.join(ROOT, 'dist/node/train.js'), f'{folder}/{name}/run.json', '--nodes', '1',
                   '--init', f'{folder}/{name}', '--out', f'{folder}/{name}/out']
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if 'refused' in entry:
            said = result.stderr.strip().splitlines()[-1]
            good, row = result.returncode != 0 and entry['refused'] in said, said
        elif result.returncode != 0:
            good, row = False, result.stderr.strip()[-200:]
        else:
            with open(f'{folder}/{name}/out/metrics.jsonl') as file:
                step = json.loads(file.readline())
            loss, norm = (abs(step[key] / entry[key] - 1) for key in ('loss', 'gradNorm'))
            good, row = loss < LOSS and norm < NORM, f'loss {loss:.1e} norm {norm:.1e}'
        failed += not good
        print(f'{"ok  " if good else "FAIL"} {name}: {row}', flush=True)
    return failed


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--check')
    parser.add_argument('names', nargs='*', default=list(CASES))
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if args.check:
        sys.exit(1 if check(args.check, args.names) else 0)
    import tempfile
    with tempfile.TemporaryDirectory() as scratch:
        made = write_all(scratch, args.names)
    with open(os.path.join(HERE, 'checkpoints.json'), 'w') as file:
        json.dump(made, file)
