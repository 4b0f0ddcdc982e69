"""What one worker process finds out about an utterance: its signal measures, its transcript, its pictures."""

import multiprocessing
import os
import signal
import threading
from functools import cache
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from xtts_cloning.evaluation import clips, figures, measures, transcripts
from xtts_cloning.evaluation.clips import TRUTH, Clip
from xtts_cloning.evaluation.measures import RATE, Unmeasurable, attempt

Scores = dict[str, float | Unmeasurable]


class Task(NamedTuple):
    """One utterance as all systems speak it; window_seconds 0: no windows; language None: no transcript."""

    clips: list[Clip]
    window_seconds: float
    language: str | None


class Heard(NamedTuple):
    """What was found on one clip."""

    seconds: float
    scores: Scores
    windows: list[Scores]
    words: list[transcripts.Word] | Unmeasurable | None
    picture: bytes
    description: str


class _Sound(NamedTuple):
    raw: np.ndarray
    levelled: np.ndarray | Unmeasurable
    f0: np.ndarray | Unmeasurable


def warm_up() -> None:
    """Have librosa's functions compiled, which takes seconds, before workers are forked from this process."""
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    measures.f0_track(noise)
    measures.alignment(noise, noise)


def start_worker() -> None:
    """Leave Ctrl-C to the parent, and end when it ends: a killed parent's workers would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def listen(task: Task) -> list[Heard]:
    """Measure, transcribe and picture the clips of a task, in their order."""
    sounds = {clip.system: _sound(clip) for clip in task.clips}
    return [_heard(clip, sounds[clip.system], sounds.get(TRUTH), task) for clip in task.clips]


def _sound(clip: Clip) -> _Sound:
    raw = clips.samples(clip)
    levelled = attempt(measures.at_level, raw)
    return _Sound(raw, levelled, attempt(measures.f0_track, levelled))


def _heard(clip: Clip, sound: _Sound, truth: _Sound | None, task: Task) -> Heard:
    seconds = len(sound.raw) / RATE
    f0 = np.full(1, np.nan) if isinstance(sound.f0, Unmeasurable) else sound.f0
    return Heard(
        seconds,
        quality(sound.levelled) | _alone(sound) | _beside_truth(clip, sound, truth),
        _windows(sound, task.window_seconds),
        attempt(_recogniser(task.language), sound.levelled) if task.language else None,
        figures.spectrogram(sound.raw, f0),
        figures.description(clip.system, clip.text, seconds, f0),
    )


def quality(levelled: np.ndarray | Unmeasurable) -> Scores:
    """The measures that need neither text nor recording, on a clip or a part of it."""
    mos = attempt(measures.dnsmos, levelled)
    return {
        "dnsmos_ovrl": attempt(itemgetter(0), mos),
        "dnsmos_p808": attempt(itemgetter(1), mos),
        "plcmos": attempt(measures.plcmos, levelled),
    }


def _alone(sound: _Sound) -> Scores:
    return {"loudness_lufs": attempt(measures.loudness, sound.raw)}


def _beside_truth(clip: Clip, sound: _Sound, truth: _Sound | None) -> Scores:
    """The measures that compare with the recording of the same sentence."""
    if truth is None or clip.system == TRUTH:
        reason = "this is the recording itself" if truth else "no recording of this text"
        return dict.fromkeys(("mcd", "f0_rmse_cents", "voicing_error", "duration_ratio"), Unmeasurable(reason))
    pairs = attempt(measures.alignment, sound.levelled, truth.levelled)
    return {
        "mcd": attempt(measures.mel_cepstral_distance, sound.levelled, truth.levelled),
        "f0_rmse_cents": attempt(measures.f0_rmse_cents, sound.f0, truth.f0, pairs),
        "voicing_error": attempt(measures.voicing_error, sound.f0, truth.f0, pairs),
        "duration_ratio": len(sound.raw) / len(truth.raw),
    }


def _windows(sound: _Sound, window_seconds: float) -> list[Scores]:
    if not window_seconds:
        return []
    edges = clips.window_edges(len(sound.raw) / RATE, window_seconds)
    return [quality(attempt(measures.at_level, part)) for part in clips.cut(sound.raw, edges)]


@cache
def _recogniser(language: str) -> transcripts.Recogniser:
    return transcripts.recogniser("pocketsphinx", language)
