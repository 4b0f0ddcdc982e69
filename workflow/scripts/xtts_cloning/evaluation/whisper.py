"""Whisper through CTranslate2 (faster-whisper): words, when they were said, and how sure the recogniser is.

The folder of a converted model holds model.bin, config.json, tokenizer.json and a vocabulary. int8 on a CPU, float16 on
a GPU. Greedy about temperature: a second, random attempt at a window would make the words depend on chance.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from xtts_cloning.errors import UserError

RATE = 16_000  # Hz
BEAM = 5


class HeardWord(NamedTuple):
    """A word as it would be written, when it was said in seconds, and its probability."""

    text: str
    start: float
    end: float
    probability: float


class Heard(NamedTuple):
    """The words of a piece of audio, and the probability that it is in the language that was expected."""

    words: list[HeardWord]
    language_probability: float


class Whisper:
    """A recogniser of one language."""

    def __init__(self, folder: Path, language: str, device: str, threads: int):
        """UserError if the folder holds no converted model, or one that knows English only where another is spoken."""
        from faster_whisper import WhisperModel

        if not (folder / "model.bin").is_file():
            raise UserError(
                f"{folder} holds no model.bin; expected a Whisper model that was converted for CTranslate2 "
                "(model.bin, config.json, tokenizer.json, vocabulary)"
            )
        precision = "float16" if device == "cuda" else "int8"
        try:
            self.model = WhisperModel(
                str(folder), device=device, compute_type=precision, cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{folder} cannot be loaded as a Whisper model: {error}") from None
        self.language = language.split("-")[0]
        if not self.model.model.is_multilingual and self.language != "en":
            raise UserError(f"{folder} is a Whisper model for English only, and the config's language is {language}")

    def listen(self, samples: np.ndarray) -> Heard:
        """What is said in float32 samples [n] at RATE."""
        known = None if self.model.model.is_multilingual else "en"
        words, info = self._transcribe(samples, known)
        probabilities = dict(info.all_language_probs or [(self.language, 1.0)])
        if info.language != self.language:
            words, _ = self._transcribe(samples, self.language)
        return Heard(words, float(probabilities.get(self.language, 0.0)))

    def _transcribe(self, samples: np.ndarray, language: str | None):
        segments, info = self.model.transcribe(
            samples,
            language=language,
            beam_size=BEAM,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words = [
            HeardWord(word.word.strip(), float(word.start), float(word.end), float(word.probability))
            for segment in segments
            for word in segment.words or ()
        ]
        return [word for word in words if word.text], info
