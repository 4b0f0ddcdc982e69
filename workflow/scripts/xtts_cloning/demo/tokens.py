"""The demo's tokenizer, in the file layout of XTTS-v2's: a word of the closed vocabulary is one token.

The model need not learn to spell what it is to say. Any other word falls into pieces, down to letters and bytes.
"""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from xtts_cloning.demo.standin import CHARACTERS, SPECIAL_TOKENS

MOST_MERGES = 10_000  # more than the words need; training ends when every word is one token


def train(words: list[str]) -> Tokenizer:
    """A tokenizer whose every token of `words` is one id; ids follow from the words alone."""
    learner = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=MOST_MERGES, initial_alphabet=list(CHARACTERS), show_progress=False)
    learner.train_from_iterator(sorted(words), trainer)
    merges = [tuple(merge.split()) for merge in json.loads(learner.to_str())["model"]["merges"]]
    tokens = [*SPECIAL_TOKENS, *CHARACTERS, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += dict.fromkeys("".join(merge) for merge in merges)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="[UNK]", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.ByteFallback()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer
