"""Recordings whose truth is known: real clips strung together with pauses like a room's, and what lies where."""

import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

RATE = 22_050


class Said(NamedTuple):
    """A clip in a recording: who speaks from when to when (seconds; silence at its ends left out), and its text."""

    speaker: str
    start: float
    end: float
    text: str


class Track(NamedTuple):
    """A recording, float32 at RATE, and what is said in it, in order."""

    samples: np.ndarray
    said: list[Said]


def ljspeech(archive: Path, count: int, skip: int = 0) -> list[tuple[str, np.ndarray]]:
    """(normalized text, samples) of the archive's clips in their order."""
    with tarfile.open(archive) as tar:
        texts, clips = {}, {}
        for entry in tar:
            if entry.name.endswith("metadata.csv"):
                rows = tar.extractfile(entry).read().decode().splitlines()
                texts = {row.split("|")[0]: row.split("|")[2] for row in rows}
            elif entry.name.endswith(".wav"):
                clips[Path(entry.name).stem] = tar.extractfile(entry).read()
    chosen = sorted(clips)[skip : skip + count]
    return [(texts[name], soundfile.read(io.BytesIO(clips[name]), dtype="float32")[0]) for name in chosen]


def others(folder: Path) -> list[np.ndarray]:
    """The other person's clips at RATE."""
    found = []
    for path in sorted(folder.glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        found.append(soxr.resample(samples, rate, RATE))
    return found


def speech_bounds(samples: np.ndarray) -> tuple[int, int]:
    """Where a clip is within 40 dB of its loudest 10 ms: its speech, as far as an ear hears it."""
    hop = RATE // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    powers = np.mean(frames.astype(np.float64) ** 2, axis=1)
    loud = np.flatnonzero(powers > powers.max() * 1e-4)
    return int(loud[0]) * hop, int(loud[-1] + 1) * hop


def room(seconds: float, generator: np.random.Generator, level_dbfs: float = -66.0) -> np.ndarray:
    """The noise of a quiet room: white noise with its highs taken off."""
    noise = np.cumsum(generator.normal(size=round(seconds * RATE)))
    noise -= np.convolve(noise, np.ones(200) / 200, mode="same")
    return (noise / max(noise.std(), 1e-9) * 10 ** (level_dbfs / 20)).astype(np.float32)


def strung(parts: list[tuple[str, str, np.ndarray]], seed: int = 0, pauses=(0.2, 1.5)) -> Track:
    """One recording of (speaker, text, samples), with pauses of the given range of seconds; speaker "" is no speech."""
    generator = np.random.default_rng(seed)
    pieces, said, length = [room(0.5, generator)], [], round(0.5 * RATE)
    for speaker, text, samples in parts:
        if speaker:
            first, last = speech_bounds(samples)
            said.append(Said(speaker, (length + first) / RATE, (length + last) / RATE, text))
        pause = room(generator.uniform(*pauses), generator)
        pieces += [samples, pause]
        length += len(samples) + len(pause)
    return Track(np.concatenate(pieces).astype(np.float32), said)
