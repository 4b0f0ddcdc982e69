"""Audio in and out: a sound file becomes mono float samples in [-1, 1]; and what is measured on them.

Samples are numpy float32 arrays of shape [samples]. Levels are in dBFS: 0 is a full-scale square wave.

A file is read whole or refused. WAV, FLAC, AIFF, CAF and Ogg (Vorbis, Opus) are decoded by libsndfile, what it does
not read (M4A, MP4, AAC, WebM, Matroska, rare WAVs) and what it does not read whole (MP3, whose length it guesses;
joined Ogg or FLAC files) by FFmpeg's libraries. *Truncated* is
- WAV, RF64, AIFF, CAF, Wave64, AU: the chunk of samples is longer than the file. Other lengths, such as RIFF's own, do
  not matter, and lengths near or above 2 GiB, or 0, are those of a pipe: the sound then goes to the end of the file;
- FLAC: fewer samples than its header says, or an end inside a frame;
- MP3: an end inside a frame, or fewer frames than a Xing, Info or VBRI header counts;
- AAC (ADTS): an end inside a frame; it has no header that says more;
- Ogg: an end inside a page, or a stream without its last page;
- MP4, M4A, MOV, 3GP: no index (moov), or it, the sound (mdat) or a fragment (moof) longer than the file;
- WebM, Matroska: an element longer than the file.
Of a recording that was written into a pipe, and of MP3 and AAC without a header, nothing tells a cut between frames.
"""

import io
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from xtts_cloning import containers, mp3_frames
from xtts_cloning.errors import UserError

SUFFIXES = (  # of the files that are taken for recordings, whatever the case of their letters
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".aac"),
    *(".aif", ".aiff", ".aifc", ".caf", ".webm", ".mkv", ".mka"),
)
FORMATS = "WAV, FLAC, MP3, Ogg, Opus, M4A, MP4, AAC, AIFF, CAF, WebM and Matroska"
LIBSNDFILE_FORMATS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG"}
FFMPEG_FORMATS = "aac,aiff,caf,flac,matroska,mov,ogg,wav"
BLOCK = 1 << 22  # frames: a minute and a half at 44.1 kHz, so that a clip is one block
CANCELLED = 0.01  # of the channels' mean power; of n channels that have nothing in common, 1 / n is left
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000  # Hz; others are a damaged header's, and would be resampled to hours
FULL_SCALE = 32767 / 32768  # the largest positive 16-bit sample: at or above it, a recording is clipped
QUIETEST_DBFS = -120.0  # what digital silence is reported as
SILENT_DBFS = -50.0  # of a reference: quieter, once mixed down, is silence
FRAME_SECONDS = 0.02


def is_recording(path: PurePath) -> bool:
    """Whether a file's name says that it is a recording; hidden files are none, such as macOS's ._x.wav."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


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
    """Mono samples, the mean of the channels, and their rate in Hz from the bytes of a file of one of FORMATS.

    UserError if the file is empty, is no audio, is damaged or truncated, or holds no finite samples.
    """
    if not data:
        raise UserError(f"{name}: the file is empty (0 bytes)")
    data = containers.without_id3(data)
    if problem := containers.fault(data):
        raise UserError(f"{name}: {problem}")
    data = containers.closed(data)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # infinite samples are found below
            samples, rate = _decoded(data)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    if not len(samples):
        raise UserError(f"{name}: holds no samples")
    if not np.isfinite(samples).all():
        raise UserError(f"{name}: holds samples that are not finite numbers")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UserError(f"{name}: a sampling rate of {rate} Hz; expected {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    return samples, rate


def _decoded(data: bytes) -> tuple[np.ndarray, int]:
    if not containers.is_one(data) and mp3_frames.is_mp3(data):
        data, problem = mp3_frames.only_frames(data)
        if problem:
            raise UserError(problem)
        return _by_ffmpeg(data, "mp3")
    if containers.joined(data):
        return _by_ffmpeg(data)
    try:
        return _by_libsndfile(data)
    except UserError:
        raise
    except (
        Exception
    ) as error:  # whatever a decoder makes of hostile bytes: LibsndfileError, ValueError, MemoryError ...
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
    try:
        return _by_ffmpeg(data)
    except UserError as error:
        raise UserError(f"{error}; libsndfile: {reason}") from None


class _Mixdown:
    """The mean of the channels, block by block; silence where they cancel in it, as those of opposite sign do."""

    def __init__(self):
        self.blocks: list[np.ndarray] = []
        self.power = self.mixed_power = 0.0

    def add(self, block: np.ndarray) -> int:
        """Takes float32 [samples, channels]; gives the number of samples."""
        self.blocks.append(block.mean(axis=1))
        if block.shape[1] > 1:
            self.power += float(np.square(block).mean(axis=1).sum(dtype=np.float64))
            self.mixed_power += float(np.square(self.blocks[-1]).sum(dtype=np.float64))
        return len(block)

    def samples(self) -> np.ndarray:
        if not self.blocks:
            return np.zeros(0, np.float32)
        samples = self.blocks[0] if len(self.blocks) == 1 else np.concatenate(self.blocks)
        if self.mixed_power < CANCELLED * self.power:
            return np.zeros_like(samples)  # the little that is left is noise of the coding
        return samples


class _Bytes(io.BytesIO):
    """Stays where it is if libsndfile seeks before the start; an error there would only be printed."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _by_libsndfile(data: bytes) -> tuple[np.ndarray, int]:
    """Samples and rate; LibsndfileError for what it does not read."""
    with soundfile.SoundFile(_Bytes(data)) as file:
        if file.format not in LIBSNDFILE_FORMATS or file.subtype == "MPEG_LAYER_III":
            raise soundfile.LibsndfileError(1)  # "Format not recognised."
        mixdown = _Mixdown()  # in blocks: a length in a damaged header would be allocated as a whole
        while mixdown.add(file.read(BLOCK, dtype="float32", always_2d=True)) == BLOCK:
            pass
        samples = mixdown.samples()
        if len(samples) < file.frames:
            raise UserError(
                f"truncated, {len(samples)} of the {file.frames} samples that its header announces are there"
            )
        return samples, file.samplerate


def _by_ffmpeg(data: bytes, formats: str = FFMPEG_FORMATS) -> tuple[np.ndarray, int]:
    """Samples and rate of the first or best audio stream; UserError for what it does not read whole."""
    import av  # 0.3 s, and most recordings do without

    # Only these: others, such as playlists, would open further files.
    options = {"format_whitelist": formats}
    try:
        with av.open(io.BytesIO(data), options=options, metadata_errors="replace") as container:
            stream = container.streams.best("audio")
            if stream is None:
                raise UserError("holds no sound, only " + (", ".join(s.type for s in container.streams) or "a header"))
            to_float = cache(lambda *form: av.AudioResampler(format="fltp"))  # one for each form that frames have
            mixdown, rates = _Mixdown(), set()
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise UserError("damaged or truncated, a part of its audio is not whole")
                for frame in packet.decode():
                    rates.add(frame.sample_rate)
                    form = frame.format.name, frame.layout.name, frame.sample_rate
                    for block in to_float(*form).resample(frame):
                        mixdown.add(block.to_ndarray().T)
            announced = stream.duration if container.format.name == "flac" else None
    except UserError:
        raise
    except Exception as error:  # as above: FFmpegError, ValueError, OverflowError ...
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(f"cannot be decoded as audio: damaged, cut, or none of {FORMATS}; FFmpeg: {words}") from None
    if len(rates) > 1:
        raise UserError(f"changes its sampling rate on the way: {', '.join(map(str, sorted(rates)))} Hz")
    samples = mixdown.samples()
    if announced and len(samples) < announced:
        raise UserError(f"truncated, {len(samples)} of the {announced} samples that its header announces are there")
    return samples, rates.pop() if rates else LOWEST_RATE


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
