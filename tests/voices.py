"""Speech for the tests of the measures: espeak-ng's voices, and clips of a real archive."""

import io
import tarfile
from pathlib import Path

import numpy as np
import soxr
from xtts_cloning import audio
from xtts_cloning.demo import espeak
from xtts_cloning.evaluation.measures import RATE

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "She sells sea shells by the sea shore.",
    "Please leave the keys under the flower pot.",
]


def say(text: str, voice: str = "en-us", pitch: int = 50, rate: int = RATE) -> np.ndarray:
    """The text spoken by espeak-ng, float32 at `rate`."""
    samples, own_rate = espeak.speak(text, voice, pitch)
    return soxr.resample(samples.astype(np.float32) / 32768, own_rate, rate).astype(np.float32)


def real(archive: Path, names: list[str]) -> dict[str, tuple[str, np.ndarray]]:
    """Transcript and samples at RATE of the named clips of an LJSpeech archive, read up to the last of them only."""
    texts, found = {}, {}
    with tarfile.open(archive, "r|*") as tar:
        for entry in tar:
            name = Path(entry.name).stem
            if entry.name.endswith("metadata.csv"):
                rows = (line.split("|") for line in tar.extractfile(entry).read().decode().splitlines())
                texts = {row[0]: row[2] for row in rows}
            elif name in names:
                found[name] = audio.read(io.BytesIO(tar.extractfile(entry).read()), RATE)
            if len(found) == len(names) and texts:
                break
    return {name: (texts[name], found[name]) for name in names}


def noisy(samples: np.ndarray, snr_db: float) -> np.ndarray:
    """White noise added, `snr_db` below the speech."""
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-snr_db / 20)
    return (samples + np.random.default_rng(0).normal(0, level, len(samples))).astype(np.float32)
