"""Where people speak, and where between two words may be cut.

Speech is what silero-vad hears, plus what before and after it is louder than the background, so that no soft sound at
the end of a word is lost. A *span* is speech without a pause of `min_pause_seconds`; clips are made of whole spans.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import silero_vad
import soxr

from xtts_cloning.curation.decoding import RATE, as_float

VAD_RATE = 16_000  # Hz
VAD_FRAME = 512  # samples at VAD_RATE, 32 ms
VAD_CONTEXT = 64  # samples of the frame before that the model wants with each
SPEECH, STILL_SPEECH = 0.5, 0.35  # probability at which speech begins, and below which it has ended: silero's own
HOP = 220  # samples at RATE, 10 ms: the grid of levels and spans
BLOCK = 60 * RATE
ABOVE_BACKGROUND_DB, BELOW_SPEECH_DB = 10.0, 35.0  # a frame is loud above the higher of the two
LONGEST_TAIL = 40  # hops of loud frames that belong to the speech before or after them
KEPT_PAUSE = (0.10, 0.15)  # seconds of the pause that stay at both ends of a clip: at least, at most
FADE_SECONDS = 0.01


class Span(NamedTuple):
    """Speech without a pause in it: its bounds in samples, and where a clip that begins or ends with it is cut."""

    start: int
    end: int
    cut_start: int
    cut_end: int


def spans(pcm: np.ndarray, min_pause_seconds: float) -> list[Span]:
    """The spans of a recording, int16 samples [n] at RATE."""
    levels = _levels(pcm)
    speech = _speech(_probabilities(pcm), len(levels))
    runs = _merged(_with_tails(_runs(speech), levels, speech), round(min_pause_seconds * RATE / HOP))
    bounds = [(start * HOP, min(end * HOP, len(pcm))) for start, end in runs]
    return [_with_cuts(place, bounds, levels, len(pcm)) for place in range(len(bounds))]


def clip(pcm: np.ndarray, first: Span, last: Span) -> np.ndarray:
    """The float32 samples from one span to another, faded in and out over FADE_SECONDS."""
    samples = as_float(pcm[first.cut_start : last.cut_end])
    ramp = np.linspace(0, 1, min(round(FADE_SECONDS * RATE), len(samples)), dtype=np.float32)
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    return samples


@cache
def _vad() -> onnxruntime.InferenceSession:
    """silero-vad's weights for a sequence of frames; the same probabilities as frame by frame, in half the time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(silero_vad.__file__).parent / "data" / "silero_vad_16k_sequence.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _probabilities(pcm: np.ndarray) -> np.ndarray:
    """Probability of speech in each frame of VAD_FRAME samples, float32 [frames]."""
    resampler = soxr.ResampleStream(RATE, VAD_RATE, 1, dtype="float32")
    h, c = np.zeros((2, 1, 1, 128), np.float32)
    held, found = np.zeros(VAD_CONTEXT, np.float32), []
    for begin in range(0, len(pcm), BLOCK):
        last = begin + BLOCK >= len(pcm)
        block = resampler.resample_chunk(as_float(pcm[begin : begin + BLOCK]), last=last)
        held = np.concatenate([held, block, np.zeros(VAD_FRAME if last else 0, np.float32)])
        count = (len(held) - VAD_CONTEXT) // VAD_FRAME
        if count:
            frames = np.lib.stride_tricks.sliding_window_view(held, VAD_CONTEXT + VAD_FRAME)[::VAD_FRAME][:count]
            values, h, c = _vad().run(None, {"input": np.ascontiguousarray(frames), "h": h, "c": c})
            found.append(values.reshape(-1))
            held = held[count * VAD_FRAME :]
    return np.concatenate(found)


def _levels(pcm: np.ndarray) -> np.ndarray:
    """RMS level of each hop in dBFS, float32 [hops]; the last, incomplete hop is padded with silence."""
    found = []
    for begin in range(0, len(pcm), HOP * 6000):
        block = as_float(pcm[begin : begin + HOP * 6000])
        block = np.pad(block, (0, -len(block) % HOP)).reshape(-1, HOP)
        found.append(10 * np.log10(np.mean(block**2, axis=1) + 1e-12))
    return np.concatenate(found).astype(np.float32)


def _speech(probabilities: np.ndarray, hops: int) -> np.ndarray:
    """Whether each hop is speech, bool [hops]; begins at SPEECH and lasts until STILL_SPEECH."""
    speaking, decided = False, np.zeros(len(probabilities), bool)
    for place, probability in enumerate(probabilities):
        speaking = probability >= (STILL_SPEECH if speaking else SPEECH)
        decided[place] = speaking
    times = np.arange(hops) * HOP / RATE
    return decided[np.minimum((times * VAD_RATE / VAD_FRAME).astype(int), len(decided) - 1)]


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _with_tails(runs: list[tuple[int, int]], levels: np.ndarray, speech: np.ndarray) -> list[tuple[int, int]]:
    """Each run of speech with the loud hops that touch it."""
    if not runs:
        return []
    background = float(np.percentile(levels[~speech], 50)) if (~speech).any() else -120.0
    loud = levels > max(background + ABOVE_BACKGROUND_DB, float(np.median(levels[speech])) - BELOW_SPEECH_DB)
    found = []
    for start, end in runs:
        before, after = loud[max(0, start - LONGEST_TAIL) : start][::-1], loud[end : end + LONGEST_TAIL]
        found.append((start - _leading(before), end + _leading(after)))
    return found


def _leading(flags: np.ndarray) -> int:
    """How many are true before the first that is not."""
    return len(flags) if flags.all() else int(np.argmin(flags))


def _merged(runs: list[tuple[int, int]], min_pause: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in runs:
        if merged and start - merged[-1][1] < min_pause:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _with_cuts(place: int, bounds: list[tuple[int, int]], levels: np.ndarray, length: int) -> Span:
    start, end = bounds[place]
    before = _cut(bounds[place - 1][1], start, levels) if place else 0
    after = _cut(end, bounds[place + 1][0], levels) if place + 1 < len(bounds) else length
    most = round(KEPT_PAUSE[1] * RATE)
    return Span(start, end, max(before, start - most), min(after, end + most))


def _cut(pause_start: int, pause_end: int, levels: np.ndarray) -> int:
    """The middle of the quietest 20 ms of a pause, in samples, that leaves KEPT_PAUSE on both sides."""
    least = round(KEPT_PAUSE[0] * RATE / HOP)
    first, last = pause_start // HOP + least, pause_end // HOP - least
    if last - first < 2:
        return (pause_start + pause_end) // 2
    powers = 10 ** (levels[first:last] / 10)
    return (first + int(np.argmin(powers[:-1] + powers[1:])) + 1) * HOP
