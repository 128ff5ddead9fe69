"""What Hugging Face's libraries make of folders that we wrote, for tests/equivalence/outgoing.test.ts.

Standard input: {"folders": [...], "texts": [...]}. Standard output: for each folder, by library, the token numbers of every
text and what they decode to. Fails on a warning. Needs tokenizers and transformers.
"""
import json
import logging
import sys
import warnings

import tokenizers
import transformers

warnings.simplefilter('error')


class Strict(logging.Handler):
    def emit(self, record):
        raise SystemExit(f'transformers says: {record.getMessage()}')


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
        answers.append(answer)
    json.dump(answers, sys.stdout)


if __name__ == '__main__':
    main()
