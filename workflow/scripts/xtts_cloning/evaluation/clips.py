"""The clips that are compared: what each system spoke, the held-out recordings, and another speaker's."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from xtts_cloning import audio
from xtts_cloning.data import metadata
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.measures import RATE

TRUTH, OTHER = "ground_truth", "other_speaker"


class Clip(NamedTuple):
    """One utterance of one system."""

    utterance: str
    system: str
    kind: str  # phrase, line, test, probe; empty for another speaker's clips
    text: str
    path: Path
    stopped: bool = True  # False where the generation hit its limit


def spoken(folder: Path) -> list[Clip]:
    """The clips of a folder with a manifest.csv; the folder's name is the system's."""
    path = folder / "manifest.csv"
    if not path.is_file():
        raise UserError(f"{path} does not exist; synthesize writes it")
    rows = pd.read_csv(path, keep_default_na=False, dtype=str).itertuples()
    return [
        Clip(row.utterance, folder.name, row.kind, row.text, folder / row.audio_file, row.stopped.lower() == "true")
        for row in rows
    ]


def recorded(mdata: Path) -> list[Clip]:
    """The held-out recordings that an mdata_test.csv names."""
    rows = metadata.read_mdata(mdata).itertuples()
    return [Clip(Path(row.audio_file).stem, TRUTH, "test", row.text, mdata.parent / row.audio_file) for row in rows]


def another_speakers(source: Path, count: int) -> list[Clip]:
    """The first `count` audio files, by name, of a folder, or the one file that `source` is."""
    paths = [source] if source.is_file() else sorted(filter(audio.is_recording, source.rglob("*")))
    if not paths:
        raise UserError(f"evaluation.other_speaker: {source} holds no recording ({', '.join(audio.SUFFIXES)})")
    return [Clip(path.stem, OTHER, "", "", path) for path in paths[:count]]


def samples(clip: Clip) -> np.ndarray:
    """The clip's float32 mono samples at measures.RATE."""
    return audio.read(clip.path, RATE)


def window_edges(seconds: float, window_seconds: float) -> list[float]:
    """Edges of windows of about `window_seconds`; the last takes up to half a window more or less, none is tiny."""
    count = max(1, round(seconds / window_seconds))
    return [index * window_seconds for index in range(count)] + [seconds]


def cut(samples: np.ndarray, edges: list[float]) -> list[np.ndarray]:
    """The samples at measures.RATE between each two neighbouring edges in seconds."""
    return np.split(samples, [round(edge * RATE) for edge in edges[1:-1]])
