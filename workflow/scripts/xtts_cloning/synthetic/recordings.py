"""The demo's recordings: a voice that the model's crowd never had, and another speaker for the similarity's floor.

They are kept as Opus, a tenth of the size of FLAC, beside the sentences in LJSpeech's table.
"""

import random
from pathlib import Path

import numpy as np
import soundfile

from xtts_cloning.synthetic import crowd, sentences

SPEAKER = crowd.Speaker("slt", tract=1.0, pitch=2, tilt=0.0, resonance_hz=2000, resonance_db=0.0)
OTHER_SPEAKER = crowd.Speaker("kal16", tract=0.92, pitch=1, tilt=0.2, resonance_hz=1200, resonance_db=3.0)
CLIPS, OTHER_CLIPS = 66, 6
WORDS = (7, 14)  # of a sentence: 2.5 to 6 s
SHARED_WORDS = 3  # no two sentences have as many words in a row in common
PAUSE_SECONDS = 0.05  # before and after each sentence, as recordings have


def texts(seed: int, count: int = CLIPS) -> list[str]:
    """Sentences of the closed vocabulary, so unlike one another that none tells how another goes on."""
    generator, chosen, known = random.Random(seed), [], set()
    while len(chosen) < count:
        words = sentences.clause(generator).split()
        runs = {tuple(words[first : first + SHARED_WORDS]) for first in range(len(words) - SHARED_WORDS + 1)}
        if WORDS[0] <= len(words) <= WORDS[1] and not runs & known:
            known |= runs
            chosen.append((" ".join(words) + ".").capitalize().replace(" i ", " I "))
    return chosen


def record(seed: int, folder: Path) -> None:
    """Fill the empty `folder` with metadata.csv, speaker/*.opus and other/*.opus."""
    spoken = texts(seed)
    names = [f"DEMO-{number:04d}" for number in range(1, len(spoken) + 1)]
    table = "".join(f"{name}|{text}|{text}\n" for name, text in zip(names, spoken, strict=True))
    (folder / "metadata.csv").write_text(table, encoding="utf-8")
    for kind, speaker, count in (("speaker", SPEAKER, CLIPS), ("other", OTHER_SPEAKER, OTHER_CLIPS)):
        (folder / kind).mkdir()
        for name, text in zip(names[:count], spoken[:count], strict=True):
            samples = np.pad(crowd.speak(text, speaker).samples, round(PAUSE_SECONDS * crowd.RATE))
            soundfile.write(folder / kind / f"{name}.opus", samples, crowd.RATE, format="OGG", subtype="OPUS")
