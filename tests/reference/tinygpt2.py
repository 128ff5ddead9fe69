"""Writes tinygpt2.json, the fixture of tests/e2e/startmodel.test.ts: a small GPT-2 with the tokenizer of tokenizers.json, and
the text that transformers' greedy decoding makes of a prompt.

python3 tests/reference/tinygpt2.py      needs torch, transformers (5.18) and tokenizers; weights are those of checkpoints.py
"""
import json
import os
import tempfile

import torch
from tokenizers import Tokenizer

import checkpoints

PROMPT, TOKENS = 'Call me', 40

if __name__ == '__main__':
    with open(os.path.join(checkpoints.HERE, 'tokenizers.json')) as file:
        tokenizer = Tokenizer.from_str(json.dumps(json.load(file)['gpt2']['json']))
    case = checkpoints.gpt2(n_positions=64, vocab_size=tokenizer.get_vocab_size())
    model = checkpoints.model_of(case)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save(case, model, folder)
        with open(f'{folder}/config.json') as file:
            config = json.load(file)
        files = checkpoints.tensors_of(folder)
    prompt = torch.tensor([tokenizer.encode(PROMPT).ids])
    with torch.no_grad():
        ids = model.double().eval().generate(prompt, max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0)
    answer = tokenizer.decode(ids[0].tolist(), skip_special_tokens=False)
    with open(os.path.join(checkpoints.HERE, 'tinygpt2.json'), 'w') as file:
        json.dump(dict(config=config, files=files, prompt=PROMPT, tokens=TOKENS, answer=answer), file)
    print(repr(answer))
