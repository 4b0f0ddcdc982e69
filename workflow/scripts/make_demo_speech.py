"""Write the demo's speech: an archive in LJSpeech layout and a second voice, spoken by espeak-ng."""

import argparse
import io
import tarfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from xtts_cloning import errors, products
from xtts_cloning.demo import espeak

RATE = 22050  # Hz, as LJSpeech
SPEAKER = {"voice": "en-us", "pitch": 60}
OTHER_SPEAKER = {"voice": "en-gb-scotland", "pitch": 20}
OTHER_CLIPS = 6
PAUSE_SECONDS = 0.05  # before and after each sentence, as recordings have: the voice alone begins at the first sample

OPENINGS = [
    "In the morning",
    "After the rain",
    "Late last night",
    "On market day",
    "Before the harvest",
    "Every winter",
]
PEOPLE = ["the baker", "my older sister", "a tired sailor", "the village doctor", "our new neighbour"]
DEEDS = ["opened the green gate", "counted seven silver coins", "carried water up the hill"]
ENDINGS = [
    "and went home.",
    "while the bells rang over the quiet town.",
    "because nobody else had thought of it in time.",
]


def sentences() -> list[str]:
    """Sixty sentences, each with other words beside each other, of about two to six seconds."""
    return [
        f"{OPENINGS[n % 6]} {PEOPLE[n % 5]} {DEEDS[n % 3]} {ENDINGS[(n // 3 + n // 10) % 3]}"
        if n % 4
        else f"{PEOPLE[n % 5].capitalize()} {DEEDS[(n // 4) % 3]}, number {n + 1}."
        for n in range(60)
    ]


def wav(text: str, voice: dict) -> bytes:
    """The spoken text as the bytes of a 22,050 Hz PCM 16 WAV."""
    samples, rate = espeak.speak(text, **voice)
    samples = np.pad(soxr.resample(samples, rate, RATE), round(PAUSE_SECONDS * RATE))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def write_archive(path: Path, texts: list[str]) -> None:
    """A .tar.bz2 in LJSpeech's layout, the same bytes each time."""
    with tarfile.open(path, "w:bz2") as archive:

        def add(name: str, content: bytes) -> None:
            member = tarfile.TarInfo(f"demo-speech/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

        ids = [f"DEMO-{number:04d}" for number in range(1, len(texts) + 1)]
        add("metadata.csv", "".join(f"{i}|{text}|{text}\n" for i, text in zip(ids, texts, strict=True)).encode())
        for i, text in zip(ids, texts, strict=True):
            add(f"wavs/{i}.wav", wav(text, SPEAKER))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", required=True, type=Path, help="archive to write")
    parser.add_argument("--other-speaker", required=True, type=Path, help="folder to write the second voice into")
    arguments = parser.parse_args()
    products.check([arguments.archive], [arguments.other_speaker])
    texts = sentences()
    with products.file(arguments.archive) as path:
        write_archive(path, texts)
    with products.folder(arguments.other_speaker) as folder:
        for number, text in enumerate(texts[:OTHER_CLIPS], 1):
            (folder / f"other-{number:02d}.wav").write_bytes(wav(text, OTHER_SPEAKER))


if __name__ == "__main__":
    errors.main(main)
