"""The demo's sentences and their tokens."""

import random
from itertools import pairwise

from xtts_cloning.demo import tokens
from xtts_cloning.model.library import VoiceBpeTokenizer
from xtts_cloning.synthetic import recordings, sentences


def test_every_drawn_word_is_one_token_of_the_librarys_tokenizer(tmp_path):
    (tmp_path / "vocab.json").write_text(tokens.train(sentences.WORDS).to_str())
    tokenizer = VoiceBpeTokenizer(str(tmp_path / "vocab.json"))
    generator = random.Random(0)
    for _ in range(200):
        text = sentences.draw(generator)
        pieces = [tokenizer.tokenizer.id_to_token(token) for token in tokenizer.encode(text, "en")]
        assert pieces[0] == "[en]"
        assert [piece for piece in pieces[1:] if piece.isalpha()] == [word.strip(",.!?") for word in text.split()]


def test_any_other_text_has_known_tokens():
    tokenizer = tokens.train(sentences.WORDS)
    assert "[UNK]" not in tokenizer.encode("zebra café 日本 7").tokens


def test_recorded_sentences_share_no_three_words():
    texts = recordings.texts(seed=1337)
    runs = [tuple(run) for text in texts for run in zip(*(text.lower().split()[n:] for n in range(3)), strict=False)]
    assert len(set(texts)) == recordings.CLIPS
    assert len(set(runs)) == len(runs)
    assert texts == recordings.texts(seed=1337) != recordings.texts(seed=1)


def test_an_article_fits_its_noun():
    generator = random.Random(0)
    for _ in range(500):
        for word, following in pairwise(sentences.clause(generator).replace(",", "").split()):
            assert word != "a" or following[0] not in "aeiou"
            assert word != "an" or following[0] in "aeiou"
