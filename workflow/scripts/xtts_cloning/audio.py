"""Audio in and out: any file that libsndfile reads becomes mono float samples in [-1, 1]; and what is measured on them.

Samples are numpy float32 arrays of shape [samples]. Levels are in dBFS: 0 is a full-scale square wave.
"""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from xtts_cloning.errors import UserError

FULL_SCALE = 32767 / 32768  # the largest positive 16-bit sample: at or above it, a recording is clipped
QUIETEST_DBFS = -120.0  # what digital silence is reported as
FRAME_SECONDS = 0.02


def read(source: str | Path | BinaryIO, rate: int) -> np.ndarray:
    """The audio of a file, mixed down to mono and resampled to `rate` Hz; UserError if it cannot be decoded whole."""
    name = str(getattr(source, "name", "audio")) if hasattr(source, "read") else str(source)
    try:
        data = source.read() if hasattr(source, "read") else Path(source).read_bytes()
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"{name}: no audio file can be read there ({error.strerror})") from None
    samples, source_rate = decode(data, name)
    return resample(samples, source_rate, rate)


def decode(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """Mono samples and their rate in Hz from an encoded file's bytes (WAV, FLAC, MP3, OGG, ...).

    UserError if the file is empty, is no audio, ends before its own header says, or holds no finite samples.
    """
    if not data:
        raise UserError(f"{name}: the file is empty (0 bytes)")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            expected, rate, notes = file.frames, file.samplerate, file.extra_info
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise UserError(f"{name}: cannot be decoded as audio ({error.error_string.strip()})") from None
    # libsndfile reads what is there of a cut file and says nothing; a WAV header tells the length that was meant.
    riff_bytes = int.from_bytes(data[4:8], "little") + 8 if data[:4] == b"RIFF" else 0
    unknown_length = data[4:8] == b"\xff\xff\xff\xff"  # as written by programs that stream
    cut_wav = riff_bytes > len(data) and not unknown_length
    if cut_wav or len(samples) < expected or "lacks an end-of-stream bit" in notes:
        raise UserError(f"{name}: truncated, the file ends before the audio that its header announces")
    if not len(samples):
        raise UserError(f"{name}: holds no samples")
    if not np.isfinite(samples).all():
        raise UserError(f"{name}: holds samples that are not finite numbers")
    return samples.mean(axis=1), rate


def resample(samples: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """Band-limited resampling (soxr, very high quality); the same samples if the rates agree."""
    return samples if source_rate == rate else soxr.resample(samples, source_rate, rate, quality="VHQ")


def write(path: str | Path, samples: np.ndarray, rate: int) -> None:
    """Write mono PCM 16 bit WAV. 16-bit samples that were read come back as the same 16-bit samples."""
    integers = np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767).astype(np.int16)
    encoded = io.BytesIO()  # libsndfile does not report a full disk; write_bytes does
    soundfile.write(encoded, integers, rate, format="WAV", subtype="PCM_16")
    Path(path).write_bytes(encoded.getvalue())


def level_dbfs(samples: np.ndarray) -> float:
    """Root mean square level."""
    return _dbfs(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def peak_dbfs(samples: np.ndarray) -> float:
    """Level of the largest sample."""
    return _dbfs(float(np.abs(samples).max()))


def clipped_fraction(samples: np.ndarray) -> float:
    """Share of samples at full scale, 0 to 1."""
    return float(np.mean(np.abs(samples) >= FULL_SCALE))


def snr_db(samples: np.ndarray, rate: int) -> float:
    """Signal-to-noise ratio, noise being the power of the quietest tenth of the 20 ms frames.

    A lower bound: a clip without pauses has no frame that holds noise alone. 96 dB, the range of 16 bits, at most.
    """
    length = max(1, round(FRAME_SECONDS * rate))
    count = max(1, len(samples) // length)
    frames = np.resize(samples, (count, length)) if len(samples) < length else samples[: count * length]
    powers = np.mean(np.square(frames.reshape(count, length), dtype=np.float64), axis=1)
    noise = float(np.percentile(powers, 10))
    signal = float(powers.mean()) - noise
    if signal <= 0:
        return 0.0
    return min(96.0, 10 * np.log10(signal / max(noise, 1e-20)))


def _dbfs(amplitude: float) -> float:
    return max(QUIETEST_DBFS, 20 * np.log10(max(amplitude, 1e-12)))
