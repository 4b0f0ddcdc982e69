"""Which of XTTS-v2's languages a text reads as: by its script, and in Latin script by spaCy's lists of common words."""

import importlib.util
import re
import runpy
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

LATIN = ("cs", "de", "en", "es", "fr", "hu", "it", "nl", "pl", "pt", "tr")
SCRIPTS = {"ARABIC": "ar", "CYRILLIC": "ru", "DEVANAGARI": "hi", "HANGUL": "ko", "CJK": "zh-cn"}
KANA = ("HIRAGANA", "KATAKANA")
MIN_COMMON_WORDS = 5  # below, a text says nothing about its language
CLEARLY = 1.5  # so many times the common words of the language that it should be


def reads_as(texts: Iterable[str], language: str) -> str | None:
    """The language that the texts read as, where it is clearly another than `language`; None where it is not."""
    text = " ".join(texts).lower()
    scripts = Counter(unicodedata.name(c, "?").split()[0] for c in text if c.isalpha())
    if not scripts:
        return None
    script = scripts.most_common(1)[0][0]
    if any(scripts[kana] for kana in KANA) and script in (*KANA, "CJK"):
        found = "ja"
    elif script == "LATIN":
        found = _by_common_words(text, language if language in LATIN else None)
    else:
        found = SCRIPTS.get(script)
    return found if found != language else None


def _by_common_words(text: str, language: str | None) -> str | None:
    words = Counter(re.findall(r"[^\W\d_]+", text))
    common = {code: sum(words[word] for word in _stop_words(code)) for code in LATIN}
    best = max(common, key=common.get)
    expected = common.get(language, 0)
    return best if common[best] >= MIN_COMMON_WORDS and common[best] > CLEARLY * expected else language


@cache
def _stop_words(language: str) -> set[str]:
    """spaCy's list, read from its file: importing spaCy takes seconds, and torch comes with it."""
    folder = Path(importlib.util.find_spec("spacy").origin).parent
    return runpy.run_path(str(folder / "lang" / language / "stop_words.py"))["STOP_WORDS"]
