"""What the model's own tokenizer makes of a text, and whether the model can learn or speak it.

The tokenizer is the library's class on the model's vocab.json, called as its training set calls it
(TTS/tts/layers/xtts/trainer/dataset.py, get_text); torch is not imported for it.
"""

import contextlib
import io
import json
from functools import cache
from pathlib import Path

from xtts_cloning.errors import UserError
from xtts_cloning.model.library import VoiceBpeTokenizer

CHARACTER_LIMIT = 250  # of a language that the library's char_limits leaves out (Hindi), as in its check_input_length
STOP_ID, UNKNOWN_ID = 0, 1  # [STOP] and [UNK] of vocab.json; the library's dataset refuses texts that hold either


def load_tokenizer(vocab_path: str | Path) -> VoiceBpeTokenizer:
    """The library's tokenizer with the vocabulary of a vocab.json; UserError if it is missing or is none."""
    if not Path(vocab_path).is_file():
        raise UserError(f"{vocab_path}: the model's vocab.json is not there; the model's download makes it")
    try:
        tokenizer = VoiceBpeTokenizer(str(vocab_path))
    except Exception as error:  # the tokenizers package raises plain Exception for whatever it cannot parse
        raise UserError(f"{vocab_path} is not a tokenizer vocabulary: {error}") from None
    found = [tokenizer.tokenizer.token_to_id(token) for token in ("[STOP]", "[UNK]")]
    if found != [STOP_ID, UNKNOWN_ID]:
        raise UserError(f"{vocab_path}: [STOP] and [UNK] have the ids {found}; XTTS-v2's vocabulary has [0, 1]")
    return tokenizer


def check_language(tokenizer: VoiceBpeTokenizer, language: str, model_config: str | Path) -> None:
    """UserError unless the model's config.json lists the language and its tokenizer can encode it."""
    languages = json.loads(Path(model_config).read_text(encoding="utf-8"))["languages"]
    if language not in languages:
        known = ", ".join(languages)
        raise UserError(f"language: {language!r} is not one that the model speaks; {model_config} lists {known}")
    if tokenizer.tokenizer.token_to_id(f"[{language}]") is None:
        raise UserError(f"language: the tokenizer has no token [{language}], though {model_config} lists {language!r}")
    try:
        tokenizer.preprocess_text("", language.split("-")[0])
    except ImportError as error:  # Japanese: cutlet
        raise UserError(
            f"language: {language!r} needs the Python package {error.name}, which is not installed"
        ) from None


@cache
def character_limit(language: str) -> int:
    """Characters that the model speaks in one go, about 16 seconds of speech in every language."""
    return VoiceBpeTokenizer().char_limits.get(language.split("-")[0], CHARACTER_LIMIT)


def token_ids(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[int]:
    """The library's encoding of a text, language token first."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a warning about long texts, which are checked here
        return tokenizer.encode(text, language)


def rejection(tokenizer: VoiceBpeTokenizer, text: str, language: str, max_tokens: int) -> tuple[str, str] | None:
    """Why the model cannot take a text, as (short slug, what was found against what was expected), or None."""
    if not text.strip():
        return "empty_text", "no text"
    ids = token_ids(tokenizer, text, language)
    if UNKNOWN_ID in ids:
        characters = " ".join(unknown_characters(tokenizer, text, language)) or "[UNK]"
        return "unknown_characters", f"the model's vocabulary lacks {characters}"
    if STOP_ID in ids:
        return "stop_token", "the text holds the model's own [STOP] token"
    if len(ids) > max_tokens:
        return "text_too_long", f"{len(ids)} text tokens, at most {max_tokens}"
    return None


def problem(tokenizer: VoiceBpeTokenizer, text: str, language: str, max_tokens: int) -> str | None:
    """Why the model cannot take a text, in words, or None."""
    found = rejection(tokenizer, text, language, max_tokens)
    return found and found[1]


def unknown_characters(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[str]:
    """The characters of the cleaned text that the vocabulary lacks, sorted."""
    cleaned = tokenizer.preprocess_text(text, language.split("-")[0])
    return sorted({c for c in cleaned if c != " " and tokenizer.tokenizer.token_to_id(c) is None})
