"""A crowd of speakers made of a few synthetic voices: other vocal tracts, pitches and spectral tilts.

Every speaker keeps a constant pitch of 93.75 or 187.5 Hz. The vocoder has no noise input, so wherever its input is
steady its output repeats with each of its frames of 256 samples; these are the pitches that it can learn in minutes.
"""

import random
from typing import NamedTuple

import numpy as np
import soxr

from xtts_cloning.synthetic import flite

RATE = 24_000  # Hz, the vocoder's
FRAME_RATE = RATE / 256  # Hz, of the vocoder's frames
CROWD = ("awb", "kal16", "rms")  # the demo's voice is slt's, which the crowd never has
# Durations of each voice times this, so that all speak about equally fast and a code's share of a word is the same.
STRETCH = {"awb": 1.03, "kal16": 1.12, "rms": 0.86, "slt": 0.99}
TRACTS = {1: (0.86, 1.12), 2: (0.98, 1.25)}  # range of vocal tract factors, by pitch
LEVEL_DB = -24  # full scale
QUIET_SECONDS = 0.06  # kept of the pauses at both ends


class Speaker(NamedTuple):
    base: str  # one of flite's voices
    tract: float  # formants are multiplied by it: above 1 for a shorter vocal tract
    pitch: int  # in multiples of FRAME_RATE
    tilt: float  # above 0: darker, below: brighter
    resonance_hz: float
    resonance_db: float


class Utterance(NamedTuple):
    samples: np.ndarray  # float32 [n] at RATE
    phones: list[flite.Phone]
    words: int


def draw(generator: random.Random, bases: tuple[str, ...] = CROWD) -> Speaker:
    pitch = generator.choice(sorted(TRACTS))
    return Speaker(
        generator.choice(bases),
        generator.uniform(*TRACTS[pitch]),
        pitch,
        tilt=generator.uniform(-0.45, 0.45),
        resonance_hz=generator.uniform(600, 4500),
        resonance_db=generator.uniform(-6, 6),
    )


def speak(text: str, speaker: Speaker) -> Utterance:
    """Played faster by the factor of the vocal tract, flite's speech has its formants there; so it is made slower and
    lower by the same factor before."""
    tract = speaker.tract
    spoken = flite.speak(text, speaker.base, tract * STRETCH[speaker.base], FRAME_RATE * speaker.pitch / tract)
    samples = _colour(soxr.resample(spoken.samples, spoken.rate * tract, RATE), speaker)
    phones = [phone._replace(end=phone.end / tract) for phone in spoken.phones]

    start = max(0.0, phones[0].end - QUIET_SECONDS) if phones[0].name == "pau" else 0.0
    end = len(samples) / RATE
    if phones[-1].name == "pau" and len(phones) > 1:
        end = min(end, phones[-2].end + QUIET_SECONDS)
    samples = samples[round(start * RATE) : round(end * RATE)]
    phones = [phone._replace(end=min(max(phone.end - start, 0.0), end - start)) for phone in phones]

    samples = samples * (10 ** (LEVEL_DB / 20) / max(1e-4, np.sqrt(np.mean(samples**2))))
    return Utterance((samples / max(1.0, np.abs(samples).max() / 0.98)).astype(np.float32), phones, spoken.words)


def _colour(samples: np.ndarray, speaker: Speaker) -> np.ndarray:
    """The speaker's tilt and resonance, without a change of phase."""
    length = len(samples)
    frequencies = np.fft.rfftfreq(length + 512, 1 / RATE)  # Hz
    tilt = np.abs(1 + speaker.tilt * np.exp(-2j * np.pi * frequencies * 2 / RATE))
    octaves = np.log2(np.maximum(frequencies, 1) / speaker.resonance_hz)
    resonance = 10 ** (speaker.resonance_db / 20 * np.exp(-0.5 * (octaves / 0.35) ** 2))
    return np.fft.irfft(np.fft.rfft(samples, length + 512) * tilt * resonance)[:length]
