"""Transcripts and error rates: text as it is compared, rates, windows, and both recognisers."""

import json

import numpy as np
import pytest
import voices
from xtts_cloning.evaluation import measures, transcripts
from xtts_cloning.evaluation.measures import RATE, Unmeasurable
from xtts_cloning.evaluation.transcripts import Word


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("Hello, World!", "hello world"),
        ("It\u2019s  the prisoners' 'own' fault.", "it's the prisoners own fault"),
        ("forty-two \u2014 or so; 50 %", "forty two or so 50"),
        ("\u00bfQu\u00e9 tal, ni\u00f1a?", "qu\u00e9 tal ni\u00f1a"),
        ("\u0928\u092e\u0938\u094d\u0924\u0947\u0964", "\u0928\u092e\u0938\u094d\u0924\u0947"),
        ("...", ""),
    ],
)
def test_text_as_it_is_compared(text, compared):
    assert transcripts.normalise(text) == compared


def test_error_rates():
    assert transcripts.error_rates("The cat sat.", "the cat sat") == (0, 0)
    assert transcripts.error_rates("abcd efgh", "abcd") == (5 / 9, 1 / 2)
    assert transcripts.error_rates("one", "one two three")[1] == 2
    assert transcripts.error_rates("one two", "") == (1, 1)
    with pytest.raises(Unmeasurable, match="no letters"):
        transcripts.error_rates("?!", "something")


def words(*spans):
    return [Word(text, start, end) for text, start, end in spans]


def test_errors_count_in_the_window_where_they_are_heard():
    heard = words(("one", 0, 1), ("two", 1, 2), ("tree", 5, 6), ("four", 6, 7))
    assert transcripts.windowed_cer("One two three four", heard, [0, 5, 10]) == [0, pytest.approx(1 / 10)]


def test_a_missing_word_counts_where_the_word_before_was_heard():
    heard = words(("one", 0, 1), ("three", 6, 7))
    assert transcripts.windowed_cer("one two three", heard, [0, 5, 10]) == [pytest.approx(4 / 7), 0]


def test_a_window_without_text_has_a_reason():
    first, second = transcripts.windowed_cer("one", words(("one", 0, 1), ("babble", 6, 7)), [0, 5, 10])
    assert first == 0
    assert isinstance(second, Unmeasurable)


def test_silence_misses_every_word():
    rates = transcripts.windowed_cer("one two", [], [0, 5, 10])
    assert rates[0] == 1
    assert isinstance(rates[1], Unmeasurable)


@pytest.fixture(scope="module")
def listen():
    return transcripts.recogniser("pocketsphinx", "en")


def said(found: list[Word]) -> str:
    return " ".join(word.text for word in found)


def test_right_text_scores_above_wrong_text_on_real_speech(listen, real_clips):
    (text, samples), (other_text, _) = list(real_clips.values())[1:3]
    heard = listen(measures.at_level(samples))
    right, wrong = transcripts.error_rates(text, said(heard)), transcripts.error_rates(other_text, said(heard))
    assert right[0] < 0.3 < wrong[0]
    assert right[1] < 0.5 < wrong[1]
    assert all(0 <= word.start < word.end <= len(samples) / RATE + 0.05 for word in heard)
    assert [word.start for word in heard] == sorted(word.start for word in heard)


def test_a_transcript_does_not_depend_on_what_was_heard_before(listen):
    sentence = measures.at_level(voices.say(voices.SENTENCES[0]))
    first = listen(sentence)
    listen(np.random.default_rng(0).normal(0, 0.2, 2 * RATE).astype(np.float32))
    assert listen(sentence) == first
    assert said(first)


def test_pocketsphinx_refuses_other_languages():
    with pytest.raises(Unmeasurable, match=r"evaluation\.asr to whisper"):
        transcripts.recogniser("pocketsphinx", "de")(np.zeros(RATE, np.float32))


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory):
    """A random Whisper, saved as the hub has it: weights, generation config with languages, byte-level tokenizer."""
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )
    from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whisper")
    vocabulary = {symbol: number for number, symbol in enumerate(bytes_to_unicode().values())}
    (folder / "vocab.json").write_text(json.dumps(vocabulary | {"<|endoftext|>": 256}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = ["<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>"]
    special += ["<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    stamps = [f"<|{n * 0.02:.2f}|>" for n in range(1501)]
    tokenizer = WhisperTokenizer(folder / "vocab.json", folder / "merges.txt")
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.add_tokens(stamps)
    number = tokenizer.convert_tokens_to_ids
    letters = {vocabulary[letter] for letter in "abcdefgh\u0120"}
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_mel_bins": 128}
    ends = {"pad_token_id": 256, "bos_token_id": 256, "eos_token_id": 256}
    starts = {"decoder_start_token_id": number("<|startoftranscript|>"), "begin_suppress_tokens": [256]}
    config = WhisperConfig(vocab_size=len(tokenizer), max_target_positions=24, **sizes, **heads, **ends, **starts)
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    generation = {
        "is_multilingual": True,
        "lang_to_id": {"<|en|>": number("<|en|>"), "<|de|>": number("<|de|>")},
        "task_to_id": {"transcribe": number("<|transcribe|>"), "translate": number("<|translate|>")},
        "no_timestamps_token_id": number("<|notimestamps|>"),
        "alignment_heads": [[1, 0], [1, 1]],
        "max_length": 20,
        "max_initial_timestamp_index": 50,
        "suppress_tokens": [n for n in range(len(tokenizer)) if n not in letters],  # it would babble half characters
    }
    GenerationConfig(**generation, **ends, **starts).save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=128), tokenizer).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("seconds", [3, 40])
def test_whisper_gives_words_with_times_the_same_each_time(whisper_folder, seconds):
    listen = transcripts.recogniser("whisper", "en", whisper_folder)
    samples = np.tile(measures.at_level(voices.say(voices.SENTENCES[0])), 16)[: seconds * RATE]
    heard = listen(samples)
    assert heard
    assert listen(samples) == heard
    assert all(word.text and 0 <= word.start <= word.end <= seconds + 1 for word in heard)
