"""Small clips and their manifests for the tests of the fine-tuning: tones that change, made in milliseconds."""

from pathlib import Path

import numpy as np
import pandas as pd
from xtts_cloning import audio
from xtts_cloning.data import metadata

RATE = 22_050
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def write_manifest(path: Path, seconds: list[float], seed: int) -> Path:
    """A manifest whose clips last the given seconds; its wavs lie in wavs/ beside it."""
    (path.parent / "wavs").mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    rows = []
    for index, length in enumerate(seconds):
        name = f"wavs/{path.stem}-{index:02d}.wav"
        audio.write(path.parent / name, _tones(generator, round(length * RATE)), RATE)
        text = " ".join(generator.choice(WORDS, size=2 + round(2 * length))).capitalize() + "."
        rows.append({"audio_file": name, "text": text, "speaker_name": "tones"})
    metadata.write_mdata(path, pd.DataFrame(rows))
    return path


def _tones(generator: np.random.Generator, samples: int) -> np.ndarray:
    """A new pitch every tenth of a second, with overtones and a little noise."""
    pitch = np.repeat(generator.uniform(90, 300, samples // 2205 + 1), 2205)[:samples]
    phase = np.cumsum(2 * np.pi * pitch / RATE)
    voiced = sum(np.sin(overtone * phase) / overtone for overtone in range(1, 12))
    return (0.1 * voiced + 0.01 * generator.standard_normal(samples)).astype(np.float32)
