"""Characters as they are meant: letters in one form, nothing that cannot be seen."""

import unicodedata
from collections.abc import Iterable

JOINERS = "\u200c\u200d"  # they shape letters in Hindi, and show nothing elsewhere
FILLERS = "\u034f\u115f\u1160\u3164\uffa0"  # invisible, though Unicode calls them letters and marks
VARIATIONS = [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]  # selectors of a character's look


def visible(text: str) -> str:
    """The text in NFC, white space of all kinds as spaces, without what cannot be seen; JOINERS stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", text) if not _invisible(c))


def _invisible(c: str) -> bool:
    formatting = unicodedata.category(c) == "Cf" and c not in JOINERS
    return formatting or c in FILLERS or ord(c) in VARIATIONS


def named(characters: Iterable[str]) -> str:
    """Characters in order, for a message; those that cannot be seen alone by code point."""
    seen = (c if c.isprintable() and not unicodedata.combining(c) else f"U+{ord(c):04X}" for c in sorted(characters))
    return " ".join(seen)
