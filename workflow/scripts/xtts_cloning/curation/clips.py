"""From one recording to its clips: decode, find speech, hear the words, take the script's text, cut at pauses."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xtts_cloning import files
from xtts_cloning.curation import decoding, pauses, recognition, script, sentences
from xtts_cloning.curation.recordings import Recording
from xtts_cloning.evaluation.whisper import Whisper
from xtts_cloning.model.texts import character_limit

LENGTHS = (2.0, 11.0)  # seconds of a clip; XTTS-v2 learns nothing from more than 11.6
MIN_PAUSE_SECONDS = 0.3  # of a pause that may be cut
MAX_PAUSE_SECONDS = 1.0  # of a pause inside a clip


class Clip(NamedTuple):
    """A clip of whole sentences: float32 samples at 22,050 Hz, bounds in the recording in seconds, what is said."""

    id: str
    start: float
    end: float
    text: str
    samples: np.ndarray


class Left(NamedTuple):
    """Speech that got into no clip: bounds in seconds, why, and its words as far as they are known."""

    start: float
    end: float
    reason: str
    detail: str


def of_recording(
    recording: Recording, language: str, whisper: Whisper, heard: Path, progress: Callable[[float], None]
) -> tuple[list[Clip], list[Left]]:
    """The clips of a recording and the speech left over; UserError if it cannot be read or its script is another's.

    What the recogniser heard is kept in the folder `heard` under the recording's content, so that a killed or repeated
    run hears nothing twice. A clip's id is made of the recording's name and where in it the clip begins.
    """
    pcm_file = heard / f"{recording.name}.pcm"
    try:
        decoding.decode(recording.path, pcm_file)
        pcm = decoding.samples(pcm_file)
        spans = pauses.spans(pcm, MIN_PAUSE_SECONDS)
        journal = heard / f"{files.sha256(recording.path)[:32]}.jsonl"
        words, _ = recognition.words_of_spans(pcm, spans, whisper.listen, journal, progress)
        parts = _texts(recording, words, language)
        pieces = [
            sentences.Piece(span.start / decoding.RATE, span.end / decoding.RATE, *part)
            for span, part in zip(spans, parts, strict=True)
        ]

        def text(first: int, last: int) -> str:
            return _one_line(" ".join(piece.text for piece in pieces[first : last + 1]))

        def fits(first: int, last: int) -> bool:
            return len(text(first, last)) <= character_limit(language)

        chosen = sentences.divide(pieces, LENGTHS, MAX_PAUSE_SECONDS, fits)
        clips = [
            Clip(
                f"{recording.name}-{round(1000 * pieces[first].start):08d}",
                pieces[first].start,
                pieces[last].end,
                text(first, last),
                pauses.clip(pcm, spans[first], spans[last]),
            )
            for first, last in chosen
        ]
    finally:
        pcm_file.unlink(missing_ok=True)
    taken = {place for first, last in chosen for place in range(first, last + 1)}
    return clips, [_left(piece) for place, piece in enumerate(pieces) if place not in taken]


def _texts(recording: Recording, words: recognition.Words, language: str) -> list[script.Part]:
    if recording.script:
        return script.parts(script.read(recording.script), words, language, str(recording.path))
    return [script.Part(" ".join(word.text for word in spoken), True, True) for spoken in words]


def _one_line(text: str) -> str:
    """Without line ends and the table's separator."""
    return " ".join(text.replace("|", " ").split())


def _left(piece: sentences.Piece) -> Left:
    if not piece.text:
        return Left(piece.start, piece.end, "no_words", "the recogniser heard no words here, or is not sure which")
    shortest, longest = LENGTHS
    detail = f"no clip of {shortest:g} to {longest:g} s could be cut at pauses around: {_one_line(piece.text)}"
    return Left(piece.start, piece.end, "no_clip", detail)
