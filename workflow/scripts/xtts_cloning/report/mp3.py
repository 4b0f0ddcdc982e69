"""Audio for the page: WAVs as MP3, which every browser plays, at the best quality at which all of them fit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
from tqdm import tqdm

from xtts_cloning import products

# libsndfile's compression level for variable bit rate -> bytes a second of speech, measured on LJSpeech clips.
BYTES_PER_SECOND = {0.5: 6700, 0.7: 5200, 0.9: 4100}
BUDGET = 6_500_000  # bytes for all clips; as text in the page they grow by a third


def encode_all(sources: dict[str, Path], folder: Path, threads: int) -> None:
    """Write folder/<name>.mp3 for each {name: WAV}; names may hold a sub-folder (`finetuned/line01`)."""
    seconds = sum(soundfile.info(path).duration for path in sources.values())
    fitting = [level for level, rate in BYTES_PER_SECOND.items() if rate * seconds <= BUDGET]
    level = fitting[0] if fitting else max(BYTES_PER_SECOND)
    with products.folder(folder) as partial, ThreadPoolExecutor(threads) as pool:
        targets = [partial / f"{name}.mp3" for name in sources]
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        jobs = pool.map(lambda source, target: encode(source, target, level), sources.values(), targets)
        for _ in tqdm(jobs, total=len(targets), desc="encode", unit="clip", mininterval=2):
            pass


def encode(source: Path, target: Path, level: float) -> None:
    """One WAV as MP3 of variable bit rate."""
    samples, rate = soundfile.read(source, dtype="float32")
    form = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE", "compression_level": level}
    soundfile.write(target, samples, rate, **form)
