"""A recording of any length and format as mono 16-bit samples at 22,050 Hz in a file, decoded block by block.

Memory does not grow with the recording's length; the samples are then read through a memory map.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soxr

from xtts_cloning import audio, containers, files
from xtts_cloning.errors import UserError

RATE = 22_050  # Hz, the model's input


def decode(path: Path, output: Path) -> None:
    """Write the samples of the recording to `output`, int16, no header.

    The mean of the channels, resampled by soxr; 16-bit mono at RATE comes through unchanged. UserError if there is no
    sound in the file, or if it is empty, damaged, or shorter than its header says.
    """
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    if problem := _fault(path):
        raise UserError(f"{path}: {problem}")
    try:
        with files.atomic_path(output) as partial, open(partial, "wb") as file:
            for block in _at_rate(path):
                file.write(np.clip(np.rint(block * 32768), -32768, 32767).astype(np.int16).tobytes())
            if not file.tell():
                raise UserError(f"{path}: holds no samples")
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: cannot be decoded as audio ({getattr(error, 'strerror', None) or error})") from None


def samples(path: Path) -> np.ndarray:
    """The samples that `decode` wrote, int16 [n], through a memory map."""
    return np.memmap(path, dtype=np.int16, mode="r")


def as_float(block: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in [-1, 1)."""
    return block.astype(np.float32) / 32768


def _at_rate(path: Path) -> Iterator[np.ndarray]:
    """float32 blocks at RATE."""
    stream, source_rate = None, None
    for block, rate in _frames(path):
        if source_rate not in (None, rate):
            raise UserError(f"{path}: changes its sampling rate on the way from {source_rate} to {rate} Hz")
        if source_rate is None and rate != RATE:
            stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="VHQ")
        source_rate = rate
        yield stream.resample_chunk(block) if stream else block
    if stream:
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _frames(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """The decoded frames of the best audio stream, mixed down to mono float32, and their rate in Hz."""
    options = {"format_whitelist": f"{audio.FFMPEG_FORMATS},mp3"}
    with av.open(str(path), options=options, metadata_errors="replace") as container:
        stream = container.streams.best("audio")
        if stream is None:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
            raise UserError(f"{path}: holds no sound, only {kinds}")
        to_float: dict[tuple, av.AudioResampler] = {}
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise UserError(f"{path}: damaged or truncated, a part of its audio is not whole")
            for frame in packet.decode():
                if frame.sample_rate > audio.HIGHEST_RATE:
                    raise UserError(f"{path}: a sampling rate of {frame.sample_rate} Hz; the header is damaged")
                form = frame.format.name, frame.layout.name, frame.sample_rate
                resampler = to_float.setdefault(form, av.AudioResampler(format="fltp"))
                for block in resampler.resample(frame):
                    yield block.to_ndarray().mean(axis=0), block.sample_rate


def _fault(path: Path) -> str | None:
    """Why the file's container says that it is not whole, or None; read where it lies, whatever its size."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return containers.fault(data)
