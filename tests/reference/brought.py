"""Chat models that come in and go out again, for tests/equivalence/outgoing.test.ts.

--make DIR writes three small models by transformers: a Llama with a Llama-3-like tokenizer, a template in
chat_template.jinja and two tokens that end an answer; a Qwen2 with ChatML in tokenizer_config.json and settings for sampling;
a GPT-2 whose special token is only a number in config.json. Greedy decoding of each meets its end before the 40th token.
--check DIR OUT ... compares models with what we wrote of them: templates, special tokens, settings, where a generation stops.
Fails with a sentence. Needs torch, tokenizers and transformers.
"""
import json
import os
import sys

import tokenizers
import torch
from transformers import (AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, GenerationConfig, LlamaConfig,
                          LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM)

HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA3 = ("{{ bos_token }}{% for message in messages %}<|start|>{{ message['role'] }}: {{ message['content'] | trim }}<|eot_id|>"
          "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}")
CHATML = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
MESSAGES = [dict(role='user', content='Call me  what? '), dict(role='assistant', content="Ishmael, don't"),
            dict(role='user', content='Some years ago\n')]
SIZES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=256)


def tokenizer_of(kind, **special):
    with open(os.path.join(HERE, 'tokenizers.json')) as file:
        inner = tokenizers.Tokenizer.from_str(json.dumps(json.load(file)[kind]['json']))
    return PreTrainedTokenizerFast(tokenizer_object=inner, **special)


def all_of_them():
    llama = tokenizer_of('llama3', bos_token='<|begin_of_text|>', eos_token='<|eot_id|>', pad_token='<|end_of_text|>')
    llama.chat_template = LLAMA3
    ids = dict(bos_token_id=llama.bos_token_id, eos_token_id=llama.convert_tokens_to_ids(['<|end_of_text|>', '<|eot_id|>']))
    yield 'llama', llama, LlamaForCausalLM(LlamaConfig(vocab_size=len(llama), **SIZES, **ids)), {}
    qwen = tokenizer_of('qwen', eos_token='<|im_end|>', pad_token='<|endoftext|>',
                        additional_special_tokens=['<|im_start|>', '<|im_end|>'])
    qwen.chat_template = CHATML
    ids = dict(bos_token_id=None, eos_token_id=qwen.eos_token_id, pad_token_id=qwen.pad_token_id)
    settings = dict(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05)
    yield 'qwen', qwen, Qwen2ForCausalLM(Qwen2Config(vocab_size=len(qwen), **SIZES, **ids)), settings
    gpt2 = tokenizer_of('gpt2', bos_token='<|endoftext|>', eos_token='<|endoftext|>')
    config = GPT2Config(vocab_size=len(gpt2), n_embd=32, n_layer=2, n_head=4, n_positions=256,
                        bos_token_id=gpt2.eos_token_id, eos_token_id=gpt2.eos_token_id)
    yield 'gpt2', gpt2, GPT2LMHeadModel(config), {}


def said(model, tokenizer, **options):
    """The tokens of greedy decoding after a prompt."""
    prompt = tokenizer('Call me', return_tensors='pt', add_special_tokens=False)
    out = model.generate(**prompt, do_sample=False, max_new_tokens=60, **options)
    return out[0, prompt['input_ids'].shape[1]:].tolist()


def make(folder):
    torch.manual_seed(3)
    for name, tokenizer, model, settings in all_of_them():
        with torch.no_grad():
            for param in model.parameters():
                if param.dim() > 1:
                    param.normal_(0, 0.5)
        # the 12th token of what the model says without an end becomes one that ends an answer
        end = said(model, tokenizer, eos_token_id=None)[11]
        ends = model.config.eos_token_id
        if name == 'gpt2':
            with torch.no_grad():
                table = model.transformer.wte.weight
                table[[end, ends]] = table[[ends, end]]
        else:
            ends = [*(ends if isinstance(ends, list) else [ends]), end]
        config = GenerationConfig.from_model_config(model.config)
        config.update(eos_token_id=ends, **settings)
        model.generation_config = config
        out = os.path.join(folder, name)
        model.save_pretrained(out)
        tokenizer.save_pretrained(out, save_jinja_files=name == 'llama')
        if name == 'gpt2':
            for file in ('tokenizer_config.json', 'generation_config.json'):
                os.remove(os.path.join(out, file))


def check(before, after):
    a, b = (AutoTokenizer.from_pretrained(folder) for folder in (before, after))
    x, y = (AutoModelForCausalLM.from_pretrained(folder) for folder in (before, after))
    same = dict(template=lambda t, m: t.chat_template, names=lambda t, m: (t.bos_token, t.eos_token, t.pad_token),
                special=lambda t, m: sorted(t.all_special_ids),
                ends=lambda t, m: [m.generation_config.eos_token_id, m.generation_config.bos_token_id,
                                   m.generation_config.pad_token_id],
                config=lambda t, m: [m.config.eos_token_id, m.config.bos_token_id, m.config.pad_token_id],
                sampling=lambda t, m: [m.generation_config.do_sample, m.generation_config.temperature,
                                       m.generation_config.top_p, m.generation_config.top_k,
                                       m.generation_config.repetition_penalty],
                answer=lambda t, m: said(m, t))
    if a.chat_template:
        for prompt in (True, False):
            same[f'chat, prompt {prompt}'] = lambda t, m, prompt=prompt: (
                t.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=prompt),
                t.apply_chat_template(MESSAGES, add_generation_prompt=prompt)['input_ids'])
    for what, of in same.items():
        theirs, ours = of(a, x), of(b, y)
        if what == 'names' and not os.path.exists(os.path.join(before, 'tokenizer_config.json')):
            # nothing of the folder names them: ours are those of its numbers
            theirs = tuple(a.convert_ids_to_tokens(one) if one is not None else None
                           for one in (x.config.bos_token_id, x.config.eos_token_id, x.config.pad_token_id))
        assert theirs == ours, f'{what} of {before}: {theirs} came in and {ours} went out'
    tokens = len(same['answer'](b, y))
    assert tokens < 60, f'{before} says no end'
    print(f'{before}: an answer of {tokens} tokens')


if __name__ == '__main__':
    if sys.argv[1] == '--make':
        make(sys.argv[2])
    else:
        for before, after in zip(sys.argv[2::2], sys.argv[3::2]):
            check(before, after)
