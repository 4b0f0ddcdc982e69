"""Which pauses are cut, so that clips are whole sentences of a good length.

Of all ways to divide a stretch of speech the cheapest is taken: it costs most to lose speech, less to cut inside a
sentence, least to be short or long. A sentence that is too long for a clip is so cut at its own pauses.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

GOOD_SECONDS = 7.0
LOST_SECOND = 3.0  # cost of a second of speech that gets into no clip
INSIDE_SENTENCE = 2.0  # cost of a cut that is not at the end of a sentence
OFF_LENGTH = 0.5  # cost of a clip of no length at all

# Full stops of all seventeen languages, with the quote marks and brackets that may follow them.
SENTENCE_END = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u0964\u061f\u06d4][\"'\u2019\u201d\u00bb\u300d\u300f\uff09)\]\s]*$"
)


class Piece(NamedTuple):
    """A span: its bounds in seconds, its text, and whether a clip may begin or end with it."""

    start: float
    end: float
    text: str
    may_start: bool
    may_end: bool


def ends_sentence(text: str) -> bool:
    return SENTENCE_END.search(text) is not None


def divide(
    pieces: list[Piece],
    lengths: tuple[float, float],
    max_pause_seconds: float,
    fits: Callable[[int, int], bool],
) -> list[tuple[int, int]]:
    """First and last piece of each clip, in order.

    `lengths` are the shortest and the longest clip in seconds; no clip holds a pause over `max_pause_seconds`
    or a piece without text; `fits(first, last)` says whether the text of these pieces can be one clip's.
    """
    found = []
    for first, last in _stretches(pieces, max_pause_seconds):
        found += _cheapest(pieces, first, last, lengths, fits)
    return found


def _stretches(pieces: list[Piece], max_pause_seconds: float) -> list[tuple[int, int]]:
    """Runs of pieces that one clip might hold, as far as pauses and texts go."""
    runs: list[tuple[int, int]] = []
    for place, piece in enumerate(pieces):
        if not piece.text:
            continue
        joined = runs and runs[-1][1] == place - 1 and piece.start - pieces[place - 1].end <= max_pause_seconds
        if joined:
            runs[-1] = runs[-1][0], place
        else:
            runs.append((place, place))
    return runs


def _cheapest(pieces, first: int, last: int, lengths, fits) -> list[tuple[int, int]]:
    """Dynamic programming over the pauses of a stretch."""
    shortest, longest = lengths
    count = last + 1 - first
    best: list[tuple[float, int, bool]] = [(0.0, 0, False)]  # cost up to a pause, the pause before, whether a clip ends
    for end in range(1, count + 1):
        piece = pieces[first + end - 1]
        cost, _, _ = best[end - 1]
        choice = (cost + LOST_SECOND * (piece.end - piece.start), end - 1, False)
        for begin in range(end - 1, -1, -1):
            seconds = piece.end - pieces[first + begin].start
            if seconds > longest:
                break
            allowed = pieces[first + begin].may_start and piece.may_end and seconds >= shortest
            if allowed and fits(first + begin, first + end - 1):
                inside = end < count and not ends_sentence(piece.text)
                off = OFF_LENGTH * ((seconds - GOOD_SECONDS) / GOOD_SECONDS) ** 2
                choice = min(choice, (best[begin][0] + off + INSIDE_SENTENCE * inside, begin, True))
        best.append(choice)
    clips, end = [], count
    while end:
        _, begin, taken = best[end]
        if taken:
            clips.append((first + begin, first + end - 1))
        end = begin
    return clips[::-1]
