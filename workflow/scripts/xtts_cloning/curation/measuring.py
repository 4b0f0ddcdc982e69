"""What is measured on a clip, so that it can be judged beside the speaker's other clips."""

from typing import NamedTuple

import jiwer
import numpy as np
import soxr

from xtts_cloning import audio
from xtts_cloning.curation.decoding import RATE
from xtts_cloning.evaluation import measures, speakers, transcripts
from xtts_cloning.evaluation.whisper import HeardWord

MEASURES = (
    *("seconds", "level_dbfs", "peak_dbfs", "clipped_fraction", "snr_db", "dnsmos"),
    *("seconds_per_character", "confidence", "language_probability", "script_cer"),
)


class Sound(NamedTuple):
    """How a clip sounds: measures by name, and the voices of its windows [windows, 256], none if hardly spoken."""

    measures: dict[str, float | None]
    voices: np.ndarray


def sound(samples: np.ndarray, voices, with_dnsmos: bool) -> Sound:
    """Levels, noise and voices of float32 samples at RATE; `voices` is what speakers.windows gives."""
    at_16k = soxr.resample(samples, RATE, measures.RATE)
    found = {
        "seconds": len(samples) / RATE,
        "level_dbfs": audio.level_dbfs(samples),
        "peak_dbfs": audio.peak_dbfs(samples),
        "clipped_fraction": audio.clipped_fraction(samples),
        "snr_db": audio.snr_db(samples, RATE),
        "dnsmos": _dnsmos(at_16k) if with_dnsmos else None,
    }
    heard = measures.attempt(voices, at_16k)
    silent = isinstance(heard, measures.Unmeasurable)
    return Sound(found, np.zeros((0, speakers.WINDOW_SIZE), np.float32) if silent else heard)


def words(text: str, heard: list[HeardWord], seconds: float, language_probability: float, script: bool) -> dict:
    """Pace, the recogniser's confidence, and the CER of a clip's script against what was heard (None without one)."""
    spoken = " ".join(word.text for word in heard)
    characters = len(transcripts.normalise(text))
    compared = script and transcripts.normalise(spoken) and characters
    return {
        "seconds_per_character": seconds / max(1, characters),
        "confidence": float(np.mean([word.probability for word in heard])),
        "language_probability": language_probability,
        "script_cer": jiwer.cer(transcripts.normalise(text), transcripts.normalise(spoken)) if compared else None,
    }


def _dnsmos(samples: np.ndarray) -> float | None:
    found = measures.attempt(measures.dnsmos, measures.attempt(measures.at_level, samples))
    return None if isinstance(found, measures.Unmeasurable) else found[0]
