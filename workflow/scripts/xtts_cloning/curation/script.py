"""The written text of a recording, and which part of it each span holds, by alignment with the recognised words.

A pause may only be cut where it is certain which written words come before it and which after: where the words on both
sides were recognised as they are written, or where what lies between is of one size in both.
"""

import html
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from xtts_cloning.curation.recognition import Words
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.transcripts import normalise

UNSPACED = ("zh-cn", "ja")  # written without spaces: each character counts as a word
MIN_MATCH = 0.5  # share of the recognised words that the script must hold, or it is that of another recording
SAMPLE = 12  # words of both texts that an error shows


class Part(NamedTuple):
    """The written text of a span; whether it is certain where the text begins and ends."""

    text: str
    sure_start: bool
    sure_end: bool


class _Tokens(NamedTuple):
    """The words of a text as they are compared, and where each lies in it."""

    words: list[str]
    places: list[tuple[int, int]]


def read(path: Path) -> str:
    """The spoken text of a .txt, .srt or .vtt file in one line; UserError if it is not UTF-8 or holds no text."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save the script in UTF-8 encoding") from None
    if path.suffix.lower() in (".srt", ".vtt"):
        text = _subtitles(text)
    text = " ".join(text.split())
    if not normalise(text):
        raise UserError(f"{path}: the script holds no words")
    return text


def _subtitles(text: str) -> str:
    """The lines of subtitles without numbers, times, notes and marks."""
    kept = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip().split("\n")
        times = [place for place, line in enumerate(lines) if "-->" in line]
        if times:
            kept += lines[times[0] + 1 :]
    return html.unescape(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", " ".join(kept)))


def parts(script: str, words: Words, language: str, name: str) -> list[Part]:
    """The part of the script that each span holds; UserError if this is the script of another recording."""
    written = _tokens(script, language)
    heard, owners = [], []
    for span, spoken in enumerate(words):
        tokens = _tokens(" ".join(word.text for word in spoken), language).words
        heard += tokens
        owners += [span] * len(tokens)
    pairs = {}
    for tag, i, end, j, _ in Levenshtein.opcodes(heard, written.words):
        if tag == "equal":
            pairs |= {i + offset: j + offset for offset in range(end - i)}
    if len(pairs) < MIN_MATCH * len(heard):
        raise UserError(
            f"{name}: only {len(pairs)} of {len(heard)} recognised words stand in its script, which seems to be that "
            f"of another recording\n  heard   {' '.join(heard[:SAMPLE])} ...\n"
            f"  written {' '.join(written.words[:SAMPLE])} ..."
        )
    bounds = [_boundary(span, heard, owners, pairs, len(written.words)) for span in range(len(words) + 1)]
    found = []
    for (_, begin, sure_start), (end, _, sure_end) in pairwise(bounds):
        text = script[written.places[begin][0] : written.places[end - 1][1]] if end > begin else ""
        found.append(Part(text, sure_start, sure_end))
    return found


def _tokens(text: str, language: str) -> _Tokens:
    pattern = r"\w" if language in UNSPACED else r"\S+"
    words, places = [], []
    for match in re.finditer(pattern, text):
        if compared := normalise(match[0]):
            words.append(compared)
            places.append(match.span())
        elif places:  # a mark that stands alone belongs to the word before
            places[-1] = places[-1][0], match.end()
    if language in UNSPACED:  # what follows a character up to the next, its punctuation, belongs to it
        ends = [start for start, _ in places[1:]] + [len(text)] * bool(places)
        places = [(start, end) for (start, _), end in zip(places, ends, strict=True)]
    return _Tokens(words, places)


def _boundary(span: int, heard: list[str], owners: list[int], pairs: dict, written: int) -> tuple[int, int, bool]:
    """Before a span: where the written text of the span before ends, where that of the span begins, whether sure."""
    middle = next((place for place, owner in enumerate(owners) if owner >= span), len(heard))
    left = next((place for place in range(middle - 1, -1, -1) if place in pairs), None)
    right = next((place for place in range(middle, len(heard)) if place in pairs), None)
    first = 0 if left is None else pairs[left] + 1
    last = written if right is None else pairs[right]
    heard_left = middle - (0 if left is None else left + 1)
    heard_right = (len(heard) if right is None else right) - middle
    between = last - first
    if not heard_left and not heard_right:
        return first, last, between == 0  # what was not heard may have been said on either side, or not at all
    if heard_left + heard_right == between:  # word for word, heard a little differently
        return first + heard_left, first + heard_left, True
    if left is None and right is None:
        return first, last, False
    if not heard_right:
        return last, last, _alike(heard_left, between)
    if not heard_left:
        return first, first, _alike(heard_right, between)
    return first + min(heard_left, between), first + min(heard_left, between), False


def _alike(heard: int, written: int) -> bool:
    """Whether so many words may be the same words: numbers are heard as several, compounds are written as one."""
    return written > 0 and abs(heard - written) <= max(2, 2 * min(heard, written))
