"""One short recording in every form that phones, browsers and programs give it, and in what goes wrong with it."""

import io
from functools import cache

import av
import numpy as np
import soundfile

SECONDS = 1.5
RATE = 48000


def samples(seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """A tone of 440 Hz at -12 dBFS and, in its second half, noise: so that a variable bit rate varies."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(size=len(times)) * 0.05 * (times > seconds / 2)
    return (0.35 * np.sin(2 * np.pi * 440 * times) + noise).astype(np.float32)


def by_ffmpeg(container: str, codec: str, audio=None, rate=RATE, muxer=None, encoder=None, picture=False) -> bytes:
    """`audio` (`samples` if not given) as stereo, in a container and codec by their names in FFmpeg.

    `muxer` and `encoder` are their options; `picture` makes it a film.
    """
    audio = samples(rate=rate) if audio is None else audio
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=muxer or {}) as output:
        film = output.add_stream("mpeg4", rate=10) if picture else None
        stream = output.add_stream(codec, rate=rate, options=encoder or {})
        stream.layout = "stereo"
        if film:
            film.width = film.height = 64
            film.pix_fmt = "yuv420p"
        output.start_encoding()  # only then the encoder says how many samples it takes at a time
        if film:
            for _ in range(round(SECONDS * 10)):
                output.mux(film.encode(av.VideoFrame(64, 64, "yuv420p")))
            output.mux(film.encode(None))
        whole = av.AudioFrame.from_ndarray(np.stack([audio, audio]), format="fltp", layout="stereo")
        whole.sample_rate, whole.pts = rate, 0
        pieces = av.AudioResampler(stream.format, "stereo", rate, stream.codec_context.frame_size or 1024)
        for piece in [*pieces.resample(whole), *pieces.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return file.getvalue()


def by_libsndfile(form: str, subtype: str, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples(rate=rate), rate, format=form, subtype=subtype)
    return file.getvalue()


def mp3(xing: bool, variable: bool, seconds: float = SECONDS) -> bytes:
    encoder = {"flags": "+qscale", "global_quality": "472"} if variable else {"b": "128k"}
    return by_ffmpeg(
        "mp3",
        "libmp3lame",
        samples(seconds),
        muxer={"write_xing": str(int(xing)), "id3v2_version": "0"},
        encoder=encoder,
    )


def flac_of_unknown_length() -> bytes:
    """As an encoder that writes into a pipe leaves it: 0 as the number of samples in STREAMINFO."""
    data = bytearray(made("sound.flac"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


FRAGMENTS = {"movflags": "+frag_keyframe+empty_moov+default_base_moof", "frag_duration": "300000"}
FORMS = {
    "sound.wav": lambda: by_libsndfile("WAV", "PCM_16"),
    "float.wav": lambda: by_libsndfile("WAV", "FLOAT"),
    "gsm.wav": lambda: by_libsndfile("WAV", "GSM610", 8000),
    "adpcm.wav": lambda: by_libsndfile("WAV", "IMA_ADPCM"),
    "mp3.wav": lambda: by_ffmpeg("wav", "libmp3lame"),
    "big.wav": lambda: by_libsndfile("RF64", "PCM_16"),
    "sound.w64": lambda: by_libsndfile("W64", "PCM_16"),
    "sound.au": lambda: by_libsndfile("AU", "PCM_16"),
    "voice.aiff": lambda: by_libsndfile("AIFF", "PCM_16"),
    "voice.aifc": lambda: by_libsndfile("AIFF", "ULAW"),
    "voice.caf": lambda: by_libsndfile("CAF", "PCM_16"),
    "sound.flac": lambda: by_libsndfile("FLAC", "PCM_16"),
    "pipe.flac": flac_of_unknown_length,
    "vorbis.ogg": lambda: by_libsndfile("OGG", "VORBIS"),
    "flac.ogg": lambda: by_ffmpeg("ogg", "flac"),
    "voice.opus": lambda: by_ffmpeg("ogg", "libopus"),
    "constant.mp3": lambda: mp3(xing=False, variable=False),
    "variable.mp3": lambda: mp3(xing=False, variable=True),
    "counted.mp3": lambda: mp3(xing=True, variable=True),
    "voice.aac": lambda: by_ffmpeg("adts", "aac"),
    "voice.m4a": lambda: by_ffmpeg("ipod", "aac"),
    "lossless.m4a": lambda: by_ffmpeg("ipod", "alac"),
    "fragments.mp4": lambda: by_ffmpeg("mp4", "aac", muxer=FRAGMENTS),
    "film.mp4": lambda: by_ffmpeg("mp4", "aac", picture=True),
    "voice.webm": lambda: by_ffmpeg("webm", "libopus"),
    "live.webm": lambda: by_ffmpeg("webm", "libopus", muxer={"live": "1"}),
    "film.mkv": lambda: by_ffmpeg("matroska", "aac", picture=True),
}


@cache
def made(name: str) -> bytes:
    """The recording in one of FORMS."""
    return FORMS[name]()
