"""Small pictures of clips: mel spectrogram with the F0 contour on it, and what they show in words."""

import io

import numpy as np
from PIL import Image, ImageDraw

from xtts_cloning.evaluation.measures import F0_HZ, RATE

WIDTH, HEIGHT = 400, 120  # pixels, shown somewhat smaller, so sharp on dense screens too
MEL_BANDS = 80  # 0 to 8 kHz
RANGE_DB = 70  # below the loudest point everything is black
QUALITY = 50  # of WebP: about 9 kB a picture, so that the 170 of a full run fit a page that can be mailed
F0_COLOUR = (120, 255, 240)


def spectrogram(samples: np.ndarray, f0: np.ndarray) -> bytes:
    """A WebP of WIDTH x HEIGHT: log mel spectrogram of samples [n] at RATE, F0 [frames] in Hz drawn over it.

    The frequency axis is mel, 0 to 8 kHz. The contour has an axis of its own, F0_HZ on a log scale from bottom to top.
    """
    picture = Image.fromarray(_colours()[_levels(samples)]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    _draw_contour(picture, f0)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=4)
    return file.getvalue()


def _levels(samples: np.ndarray) -> np.ndarray:
    """Loudness 0 to 255 [mel bands, columns], high frequencies first."""
    import librosa

    hop = max(64, len(samples) // WIDTH)
    power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=1024, hop_length=hop, n_mels=MEL_BANDS)
    decibel = librosa.power_to_db(power, ref=np.max, top_db=RANGE_DB)
    return np.uint8((decibel[::-1] + RANGE_DB) * (255 / RANGE_DB))


def _colours() -> np.ndarray:
    """The 256 colours of matplotlib's magma [256, 3]."""
    from matplotlib import colormaps

    return np.uint8(colormaps["magma"](np.arange(256))[:, :3] * 255)


def _draw_contour(picture: Image.Image, f0: np.ndarray) -> None:
    low, high = np.log(F0_HZ)
    x = (np.arange(len(f0)) + 0.5) * WIDTH / len(f0)
    y = HEIGHT - (np.log(f0) - low) / (high - low) * HEIGHT
    brush = ImageDraw.Draw(picture)
    for voiced in np.ma.clump_unmasked(np.ma.masked_invalid(y)):
        brush.line(list(zip(x[voiced], y[voiced], strict=True)), fill=F0_COLOUR, width=2)


def description(system: str, text: str, seconds: float, f0: np.ndarray) -> str:
    """The alternative text of the picture."""
    voiced = f0[np.isfinite(f0)]
    pitch = "no pitch found"
    if voiced.size:
        low, median, high = np.percentile(voiced, [5, 50, 95])
        pitch = f"pitch mostly between {low:.0f} and {high:.0f} Hz, median {median:.0f} Hz"
    return f"Spectrogram, 0 to 8 kHz over {seconds:.1f} s, of {system.replace('_', ' ')} saying “{text}”; {pitch}"
