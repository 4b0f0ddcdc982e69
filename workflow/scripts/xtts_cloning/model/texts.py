"""What the model's own tokenizer makes of a text, and whether the model can learn or speak it.

The tokenizer is the library's class on the model's vocab.json, called as its training set calls it
(TTS/tts/layers/xtts/trainer/dataset.py, get_text), after normalization's corrections; torch is not imported for it.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

from xtts_cloning.errors import UserError
from xtts_cloning.model import characters, normalization
from xtts_cloning.model.library import VoiceBpeTokenizer

CHARACTER_LIMIT = 250  # of a language that the library's char_limits leaves out (Hindi), as in its check_input_length
STOP_ID, UNKNOWN_ID = 0, 1  # [STOP] and [UNK] of vocab.json; the library's dataset refuses texts that hold either
CHARACTERS_PER_TOKEN = 50  # no text has more: the vocabulary's longest token is shorter
SHOWN_CHARACTERS = 60
# Marks at which Chinese is said with a pause. The library makes spaces of them, which the model reads over; its next
# release makes commas of them (coqui-ai/TTS pull request 3351).
CHINESE_PAUSES = re.compile(r"[,，、;；。!！?？…—\n]|[.:：](?!\d)|(?<!\d)[.:：]")


class Unspeakable(UserError):
    """A text that the library's cleaners cannot write out in words; names the piece of it."""


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
    """UserError unless the model's config.json lists the language and its tokenizer can encode it, numbers too."""
    languages = json.loads(Path(model_config).read_text(encoding="utf-8"))["languages"]
    if language not in languages:
        known = ", ".join(languages)
        raise UserError(f"language: {language!r} is not one that the model speaks; {model_config} lists {known}")
    if tokenizer.tokenizer.token_to_id(f"[{language}]") is None:
        raise UserError(f"language: the tokenizer has no token [{language}], though {model_config} lists {language!r}")
    try:
        cleaned(tokenizer, "1", language)
    except ImportError as error:  # Japanese: cutlet
        raise UserError(
            f"language: {language!r} needs the Python package {error.name}, which is not installed; run `make setup`"
        ) from None
    except Unspeakable as error:
        raise UserError(
            f"language: the packages that write out {language!r} do not work ({error}); run `make setup`"
        ) from None


@cache
def character_limit(language: str) -> int:
    """Characters that the model speaks in one go, about 16 seconds of speech in every language."""
    return VoiceBpeTokenizer().char_limits.get(language.split("-")[0], CHARACTER_LIMIT)


def written_out(text: str, language: str) -> str:
    """normalization.normalized; Unspeakable where it cannot be done."""
    return _or_unspeakable(lambda part: normalization.normalized(part, language), text)


def cleaned(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> str:
    """What is said: the text as the model gets it, small letters, numbers and symbols in words, some scripts in Latin.

    Small letters come first, because Xtts.inference has them so, and what is learnt must be what is spoken.
    """
    base = language.split("-")[0]

    def clean(part: str) -> str:
        normal = normalization.normalized(part, language).lower()
        if base != "zh":
            return tokenizer.preprocess_text(normal, base).strip()
        phrases = (tokenizer.preprocess_text(phrase, base).strip() for phrase in CHINESE_PAUSES.split(normal))
        return ", ".join(filter(None, phrases))

    return _or_unspeakable(clean, text)


def _or_unspeakable(clean: Callable[[str], str], text: str) -> str:
    """What `clean` makes of the text; where it raises, Unspeakable names the first word that it raises on."""
    try:
        return clean(text)
    except ImportError:
        raise
    except Exception as error:  # num2words and the cleaners raise whatever comes: KeyError, OverflowError, ...
        words = text.split()
        piece = next((word for word in words if _raises(clean, word)), text) if len(words) > 1 else text
        short = piece if len(piece) <= SHOWN_CHARACTERS else f"{piece[:SHOWN_CHARACTERS]}..."
        raise Unspeakable(f"{short!r} cannot be said ({type(error).__name__}); write it out in words") from error


def _raises(clean: Callable[[str], str], text: str) -> bool:
    try:
        clean(text)
    except Exception:
        return True
    return False


def token_ids(tokenizer: VoiceBpeTokenizer, text: str, language: str) -> list[int]:
    """The library's encoding of a text, language token first; Unspeakable where it has none."""
    return _encode(tokenizer, cleaned(tokenizer, text, language), language)


def _encode(tokenizer: VoiceBpeTokenizer, said: str, language: str) -> list[int]:
    """The second half of the library's VoiceBpeTokenizer.encode, for a text that has been cleaned."""
    base = language.split("-")[0]
    marked = f"[{'zh-cn' if base == 'zh' else base}]{said}".replace(" ", "[SPACE]")
    try:
        return tokenizer.tokenizer.encode(marked).ids
    except (TypeError, UnicodeEncodeError):  # bytes of a command line that are no UTF-8
        raise Unspeakable(f"{said[:SHOWN_CHARACTERS]!r} is not Unicode text") from None


def rejection(tokenizer: VoiceBpeTokenizer, text: str, language: str, max_tokens: int) -> tuple[str, str] | None:
    """Why the model cannot take a text, as (short slug, what was found against what was expected), or None."""
    if not text.strip():
        return "empty_text", "no text"
    if len(text) > CHARACTERS_PER_TOKEN * max_tokens:  # the cleaners' time grows with the square of the length
        return "text_too_long", f"{len(text):,} characters, at most {max_tokens} text tokens"
    try:
        said = cleaned(tokenizer, text, language)
        ids = _encode(tokenizer, said, language)
    except Unspeakable as error:
        return "unspeakable", str(error)
    if unread := _unread_by_cutlet(tokenizer, text) if language == "ja" else []:
        return "unknown_characters", f"the Japanese cleaner cannot read {characters.named(unread)}"
    if UNKNOWN_ID in ids:
        lacking = {c for c in said if c != " " and tokenizer.tokenizer.token_to_id(c) is None}
        return "unknown_characters", f"the model's vocabulary lacks {characters.named(lacking) or '[UNK]'}"
    if not any(map(str.isalnum, said)):
        return "empty_text", f"nothing to say in {text[:SHOWN_CHARACTERS]!r}"
    if STOP_ID in ids:
        return "stop_token", "the text holds the model's own [STOP] token"
    if len(ids) > max_tokens:
        return "text_too_long", f"{len(ids)} text tokens, at most {max_tokens}"
    return None


def problem(tokenizer: VoiceBpeTokenizer, text: str, language: str, max_tokens: int) -> str | None:
    """Why the model cannot take a text, in words, or None."""
    found = rejection(tokenizer, text, language, max_tokens)
    return found and found[1]


def _unread_by_cutlet(tokenizer: VoiceBpeTokenizer, text: str) -> set[str]:
    """The characters that cutlet writes `?` for, and the symbols that it leaves out."""
    foreign = {c for c in normalization.normalized(text, "ja") if not c.isascii()}
    romaji = {c: tokenizer.katsu.romaji(c) for c in foreign}
    return {c for c in foreign if "?" in romaji[c] or (not romaji[c] and unicodedata.category(c)[0] == "S")}
