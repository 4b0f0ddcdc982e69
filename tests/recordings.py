"""Recordings in LJSpeech layout made for tests: bursts of noise instead of words, a tokenizer that knows plain text."""

import io
import json
import string
import tarfile
from pathlib import Path

import numpy as np
import soundfile
from tokenizers import Tokenizer, models

RATE = 22050
LIMITS = {
    "clips": 6,
    "eval_clips": 2,
    "test_clips": 3,
    "min_seconds": 0.5,
    "max_seconds": 11.6,
    "max_text_tokens": 40,
    "min_level_dbfs": -45.0,
    "max_clipped_fraction": 0.001,
}


def samples(seconds: float = 0.8, seed: int = 0, rate: int = RATE, level: float = 0.1) -> np.ndarray:
    """Noise in bursts of a quarter second with quiet gaps, quiet at both ends."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * rate))
    times = np.arange(len(noise)) / rate
    loudness = np.maximum(np.sin(np.pi * times / 0.25) ** 2, 1e-3)
    loudness *= np.minimum(1, np.minimum(times, times[::-1]) / 0.1) ** 2 + 1e-4
    return (level * loudness * noise).clip(-0.99, 0.99)


def clip(
    seconds: float = 0.8, seed: int = 0, rate: int = RATE, level: float = 0.1, channels: int = 1, form="WAV"
) -> bytes:
    """An encoded clip."""
    mono = samples(seconds, seed, rate, level)
    return encoded(np.stack([mono] * channels, axis=1), rate, form)


def encoded(audio: np.ndarray, rate: int = RATE, form: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, rate, format=form)
    return buffer.getvalue()


def layout(clips: dict[str, bytes], metadata: bytes | None = None) -> dict[str, bytes]:
    """File contents by name, metadata.csv first; `clips` by file name."""
    if metadata is None:
        rows = [f"{Path(name).stem}|Clip {place}|This is clip {_word(place)}.\n" for place, name in enumerate(clips)]
        metadata = "".join(rows).encode()
    return {"speech/metadata.csv": metadata} | {f"speech/wavs/{name}": data for name, data in clips.items()}


def many(count: int) -> dict[str, bytes]:
    """`count` good clips."""
    return {f"clip-{place:03d}.wav": clip(seed=place) for place in range(count)}


def write_tar(path: Path, contents: dict[str, bytes], extra: list[tarfile.TarInfo] = ()) -> Path:
    """An archive, compressed as its name says, of `contents` and after it of members without content."""
    with tarfile.open(path, "w:" + path.suffix[1:].replace("tar", "")) as tar:
        for name, data in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for entry in extra:
            tar.addfile(entry)
    return path


def write_folder(path: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def write_vocab(folder: Path) -> Path:
    """vocab.json of a tokenizer with a token for each letter, and config.json with languages, as the model has them."""
    special = ["[STOP]", "[UNK]", "[SPACE]", "[en]"]
    characters = sorted(set(string.ascii_lowercase + ",.?!'-:;()"))
    vocabulary = {token: number for number, token in enumerate(special + characters)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "vocab.json"))
    (folder / "config.json").write_text(json.dumps({"languages": ["en", "de"]}))
    return folder / "vocab.json"


def settings(**limits) -> dict:
    """The subset step's slice of a config."""
    return {"dataset": {"sha256": None}, "language": "en", "seed": 7, "speaker": "someone", "subset": LIMITS | limits}


def _word(number: int) -> str:
    return "".join(string.ascii_lowercase[int(digit)] for digit in str(number))
