"""What Hugging Face's libraries make of folders that we wrote, for tests/equivalence/outgoing.test.ts.

Standard input: {"folders": [...], "texts": [...]}. Standard output: for each folder, by library, the token numbers of every
text and what they decode to. Fails on a warning. Needs tokenizers and transformers. With sentencepiece and gguf, which
llama.cpp's converter reads a folder with, it also has the answers of the tokenizer.model that the converter makes a tokenizer
of, where there is one.
"""
import importlib.util
import json
import logging
import os
import sys
import warnings

import tokenizers
import transformers

warnings.simplefilter('error')


class Strict(logging.Handler):
    def emit(self, record):
        raise SystemExit(f'transformers says: {record.getMessage()}')


def pieces_of(folder):
    """What llama.cpp does with a tokenizer.model as its converter reads it: added tokens first, then bytes."""
    import gguf
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=f'{folder}/tokenizer.model')
    with open(f'{folder}/added_tokens.json') as file:
        assert json.load(file) == {' ': 32}
    special = gguf.SpecialVocab(folder, n_vocab=256)
    assert special.special_token_ids == {'bos': 254, 'eos': 255}, special
    assert special.add_special_token == {'bos': False}, special
    assert all(model.is_byte(i) and model.id_to_piece(i) == f'<0x{i:02X}>' for i in range(256))
    return lambda text: [model.encode(text), model.decode(model.encode(text))]


CAN_READ_PIECES = all(importlib.util.find_spec(name) for name in ('gguf', 'sentencepiece'))


def main():
    logging.getLogger('transformers').addHandler(Strict(logging.WARNING))
    asked = json.load(sys.stdin)
    answers = []
    for folder in asked['folders']:
        plain = tokenizers.Tokenizer.from_file(f'{folder}/tokenizer.json')
        auto = transformers.AutoTokenizer.from_pretrained(folder)
        answer = dict(tokenizers=[], AutoTokenizer=[])
        for text in asked['texts']:
            ids = plain.encode(text, add_special_tokens=False).ids
            answer['tokenizers'].append([ids, plain.decode(ids, skip_special_tokens=False)])
            # why verbose: it would say that a text is longer than the model's context
            ids = auto(text, add_special_tokens=False, verbose=False)['input_ids']
            answer['AutoTokenizer'].append([ids, auto.decode(ids, skip_special_tokens=False)])
        if CAN_READ_PIECES and os.path.exists(f'{folder}/tokenizer.model'):
            pieces = pieces_of(folder)
            answer['sentencepiece'] = [pieces(text) for text in asked['texts']]
        answers.append(answer)
    json.dump(answers, sys.stdout)


if __name__ == '__main__':
    main()
