"""Which words each span of a recording holds, by a recogniser that hears up to half a minute at once."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soxr

from xtts_cloning.curation.decoding import RATE, as_float
from xtts_cloning.curation.pauses import Span
from xtts_cloning.evaluation.whisper import RATE as WHISPER_RATE
from xtts_cloning.evaluation.whisper import Heard, HeardWord

WINDOW_SECONDS = 28.0  # the model hears 30 s at once, and some silence around the words helps it
SLOWEST = 0.5  # seconds a character; nobody speaks so slowly: the recogniser has left words out, and times are wrong
BREAK_SECONDS = 3.0  # a pause after which a new window begins in any case

Words = list[list[HeardWord]]  # of each span


def words_of_spans(
    pcm: np.ndarray,
    spans: list[Span],
    listen: Callable[[np.ndarray], Heard],
    journal: Path,
    progress: Callable[[float], None],
) -> tuple[Words, list[float]]:
    """The words of each span, and the probability that it is in the expected language.

    A span whose words were left out by the recogniser, and the spans beside it, get none: whose words they are is not
    certain. Each finished window is a line of `journal`, from which a killed run goes on; `progress` is told the
    seconds done.
    """
    words: Words = [[] for _ in spans]
    language = [0.0] * len(spans)
    done = _read(journal)
    with open(journal, "a", encoding="utf-8") as file:
        for number, (first, last) in enumerate(windows(spans)):
            begin, end = spans[first].cut_start, spans[last].cut_end
            if number < len(done):
                heard = done[number]
            else:
                heard = listen(soxr.resample(as_float(pcm[begin:end]), RATE, WHISPER_RATE))
                file.write(json.dumps(heard, ensure_ascii=False) + "\n")
                file.flush()
            for word in heard.words:
                placed = word._replace(start=word.start + begin / RATE, end=word.end + begin / RATE)
                words[_span_of(placed, spans, first, last)].append(placed)
            language[first : last + 1] = [heard.language_probability] * (last + 1 - first)
            progress((end - begin) / RATE)
    doubtful = {near for place in range(len(spans)) if _left_out(spans[place], words[place]) for near in _near(place)}
    return [[] if place in doubtful else spoken for place, spoken in enumerate(words)], language


def windows(spans: list[Span]) -> Iterator[tuple[int, int]]:
    """First and last span of each window; ends at the longest pause of its second half."""
    first = 0
    while first < len(spans):
        last = first
        while (
            last + 1 < len(spans)
            and spans[last + 1].end - spans[first].start <= WINDOW_SECONDS * RATE
            and spans[last + 1].start - spans[last].end < BREAK_SECONDS * RATE
        ):
            last += 1
        full = last + 1 < len(spans) and spans[last + 1].start - spans[last].end < BREAK_SECONDS * RATE
        if full:
            half = spans[first].start + WINDOW_SECONDS / 2 * RATE
            ends = [place for place in range(first, last + 1) if spans[place].end >= half] or [last]
            last = max(ends, key=lambda place: spans[place + 1].start - spans[place].end)
        yield first, last
        first = last + 1


def _left_out(span: Span, spoken: list[HeardWord]) -> bool:
    characters = sum(len(word.text) for word in spoken)
    return 0 < SLOWEST * characters < (span.end - span.start) / RATE


def _near(place: int) -> range:
    return range(place - 1, place + 2)


def _span_of(word: HeardWord, spans: list[Span], first: int, last: int) -> int:
    """The span that shares most time with a word; the nearest for a word in a pause."""

    def shared(place: int) -> float:
        start, end = spans[place].start / RATE, spans[place].end / RATE
        return min(word.end, end) - max(word.start, start)  # negative: minus the distance

    return max(range(first, last + 1), key=shared)


def _read(journal: Path) -> list[Heard]:
    """The windows that an earlier, killed run has finished; a line that was cut off counts as not written."""
    if not journal.exists():
        return []
    whole = journal.read_bytes().rpartition(b"\n")[0]
    journal.write_bytes(whole + b"\n" if whole else b"")
    rows = [json.loads(line) for line in whole.decode().splitlines()]
    return [Heard([HeardWord(*word) for word in words], language) for words, language in rows]
