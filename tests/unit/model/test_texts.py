"""The checks of texts are the library's own."""

import json

import pytest
import recordings
from xtts_cloning.errors import UserError
from xtts_cloning.model import texts


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return texts.load_tokenizer(recordings.write_vocab(tmp_path_factory.mktemp("vocab")))


def test_good_text(tokenizer):
    assert texts.rejection(tokenizer, "Hello, Dr. Smith.", "en", 40) is None
    assert texts.problem(tokenizer, "Hello, Dr. Smith.", "en", 40) is None


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("  ", "empty_text", "no text"),
        ("naïve [café]", "unknown_characters", "lacks [ ] é ï"),
        ("a" * 40, "text_too_long", "41 text tokens, at most 40"),
    ],
)
def test_bad_text(tokenizer, text, reason, detail):
    found = texts.rejection(tokenizer, text, "en", 40)
    assert found[0] == reason and detail in found[1]
    assert texts.problem(tokenizer, text, "en", 40) == found[1]


def test_stop_token(tokenizer, monkeypatch):
    # The library's cleaners write [STOP] small, so that no text gets there; its data set checks it all the same.
    assert texts.STOP_ID not in texts.token_ids(tokenizer, "full [STOP] here", "en")
    monkeypatch.setattr(texts, "_encode", lambda *arguments: [3, texts.STOP_ID])
    assert texts.rejection(tokenizer, "full stop here", "en", 40)[0] == "stop_token"


def test_a_text_of_exactly_the_limit_is_taken(tokenizer):
    assert len(texts.token_ids(tokenizer, "a" * 39, "en")) == 40
    assert texts.rejection(tokenizer, "a" * 39, "en", 40) is None


def test_long_text_prints_nothing(tokenizer, capsys):
    texts.token_ids(tokenizer, "a" * 300, "en")
    assert capsys.readouterr().out == ""


def test_language(tokenizer, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"languages": ["en", "de"]}))
    texts.check_language(tokenizer, "en", config)
    with pytest.raises(UserError, match=r"'xx' is not one that the model speaks.*en, de"):
        texts.check_language(tokenizer, "xx", config)
    with pytest.raises(UserError, match=r"no token \[de\]"):
        texts.check_language(tokenizer, "de", config)


def test_vocab_missing_or_no_vocab(tmp_path):
    with pytest.raises(UserError, match=r"vocab\.json is not there"):
        texts.load_tokenizer(tmp_path / "vocab.json")
    (tmp_path / "vocab.json").write_text("<html>")
    with pytest.raises(UserError, match="not a tokenizer vocabulary"):
        texts.load_tokenizer(tmp_path / "vocab.json")
    (tmp_path / "vocab.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}))
    with pytest.raises(UserError, match=r"\[STOP\] and \[UNK\]"):
        texts.load_tokenizer(tmp_path / "vocab.json")


def test_real_vocabulary_refuses_what_the_library_dataset_asserts_on(hub_files):
    tokenizer = texts.load_tokenizer(hub_files / "vocab.json")
    assert texts.token_ids(tokenizer, "Hello world.", "en")[0] == tokenizer.tokenizer.token_to_id("[en]")
    assert texts.rejection(tokenizer, "He [Truly] went on", "en", 200) == (
        "unknown_characters",
        "the model's vocabulary lacks [ ]",
    )
    languages = json.loads((hub_files / "config.json").read_text())["languages"]
    languages.remove("ja")  # needs a package of its own, and test_utterances.py sees that it is named
    for language in languages:
        texts.check_language(tokenizer, language, hub_files / "config.json")
