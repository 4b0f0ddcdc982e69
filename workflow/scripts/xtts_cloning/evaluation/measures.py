"""What is measured on one clip, or on a clip and the recording of the same sentence: one small function each.

Every function but `loudness` takes float32 mono samples at RATE that `at_level` brought to one level, so that gain
changes nothing. What each number is good for stands in measure_table.py. Speaker similarity is in speakers.py, CER and
WER are in transcripts.py.
"""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import onnxruntime
import pyloudnorm
import soundfile
from mel_cepstral_distance import compare_audio_files
from speechmos import dnsmos as dnsmos_library
from speechmos import plcmos as plcmos_library

from xtts_cloning import audio

RATE = 16_000  # Hz; what resemblyzer, DNSMOS, PLCMOS and both recognisers were trained on
LEVEL_DBFS = -27.0  # RMS to which every clip is brought first: the scores would change with the level otherwise
SILENT_DBFS = -60.0  # RMS below which there is nothing to measure
MIN_SECONDS = 0.5  # below it all scores are guesses
HOP = 256  # samples, 16 ms: frames of the F0 contour and of its alignment
F0_HZ = (65.0, 500.0)  # search range of the F0 tracker
MIN_VOICED = 10  # frames voiced in both clips, 0.16 s, below which contours are not compared
MCD_SILENCE = 0.003  # RMS re peak, -50 dB: pauses are cut, or their noise floors would decide the distance

# As summary.json states them.
SETTINGS = {
    "rate_hz": RATE,
    "level_dbfs": LEVEL_DBFS,
    "silent_dbfs": SILENT_DBFS,
    "min_seconds": MIN_SECONDS,
    "f0": f"pyin, {F0_HZ[0]:.0f} to {F0_HZ[1]:.0f} Hz, window 64 ms, hop 16 ms; DTW on MFCC 1-12 less their means",
    "mcd": "32 ms Hann windows, hop 8 ms, 20 mel bands to 8 kHz, cepstra 1-15, DTW on mel spectra (radius 10), "
    f"32 ms segments under {MCD_SILENCE} RMS of a peak of 1 removed",
    "dnsmos": "not personalized; clips under 9 s repeated to that length by the library",
    "plcmos": "v2, mean of the same 15 simulated raters for every clip",
}


class Unmeasurable(Exception):
    """The reason why a measure has no value here."""


def attempt(function: Callable, *arguments: Any) -> Any:
    """function(*arguments), or the first Unmeasurable among the arguments, or the one that the function raised."""
    for argument in arguments:
        if isinstance(argument, Unmeasurable):
            return argument
    try:
        return function(*arguments)
    except Unmeasurable as reason:
        return reason


def at_level(samples: np.ndarray) -> np.ndarray:
    """`samples` with an RMS of LEVEL_DBFS, or as loud as fits below full scale; Unmeasurable if too short or silent."""
    seconds, level = len(samples) / RATE, audio.level_dbfs(samples)
    if seconds < MIN_SECONDS:
        raise Unmeasurable(f"{seconds:.2f} s of audio, under {MIN_SECONDS} s")
    if level < SILENT_DBFS:
        raise Unmeasurable(f"silent, level under {SILENT_DBFS:.0f} dBFS")
    gain = 10 ** ((LEVEL_DBFS - level) / 20)
    return (samples * min(gain, 1 / np.abs(samples).max())).astype(np.float32)


def loudness(samples: np.ndarray) -> float:
    """Integrated loudness in LUFS of the clip as it is; pyloudnorm, ITU-R BS.1770-4."""
    if len(samples) < MIN_SECONDS * RATE:
        raise Unmeasurable(f"{len(samples) / RATE:.2f} s of audio, under {MIN_SECONDS} s")
    value = float(pyloudnorm.Meter(RATE).integrated_loudness(samples))
    if not np.isfinite(value):
        raise Unmeasurable("silent, every block is below the loudness gate")
    return value


def dnsmos(samples: np.ndarray) -> tuple[float, float]:
    """OVRL and P.808 MOS, 1 to 5; speechmos, which repeats clips under 9 s up to that length."""
    scores = _dnsmos()(samples, RATE, is_personalized_MOS=False)
    return float(scores["ovrl_mos"]), float(scores["p808_mos"])


def plcmos(samples: np.ndarray) -> float:
    """PLCMOS v2, 1 to 5; speechmos. It draws its 15 raters from numpy's global state, so that is set first."""
    before = np.random.get_state()
    np.random.seed(0)
    try:
        return float(_plcmos()(samples)["plcmos"])
    finally:
        np.random.set_state(before)


@cache
def _dnsmos() -> dnsmos_library.DNSMOS:
    folder = Path(dnsmos_library.__file__).parent / "dnsmos_models"
    paths = [str(folder / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
    scorer = dnsmos_library.DNSMOS(*paths)
    scorer.onnx_sess, scorer.p808_onnx_sess = map(_single_threaded, paths)
    return scorer


@cache
def _plcmos() -> plcmos_library.PLCMOS:
    scorer = plcmos_library.PLCMOS()
    scorer.session = _single_threaded(scorer.model_path)
    return scorer


def _single_threaded(path: str) -> onnxruntime.InferenceSession:
    """The library's own session would take every core in every process, and its sums depend on how many there are."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def mel_cepstral_distance(samples: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of cepstra 1 to 15 after DTW on mel spectra, pauses cut; mel-cepstral-distance's own scale."""
    threshold = {"silence_threshold_A": MCD_SILENCE, "silence_threshold_B": MCD_SILENCE}
    distance, _ = compare_audio_files(_wav(truth), _wav(samples), remove_silence="sig", **threshold)
    if not np.isfinite(distance):
        raise Unmeasurable("nothing is left once pauses are cut")
    return float(distance)


def _wav(samples: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    file.seek(0)
    return file


def f0_track(samples: np.ndarray) -> np.ndarray:
    """F0 in Hz every HOP samples, nan where unvoiced [frames]; librosa.pyin."""
    f0, _, _ = librosa.pyin(samples, fmin=F0_HZ[0], fmax=F0_HZ[1], sr=RATE, frame_length=1024, hop_length=HOP)
    return f0


def alignment(samples: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Frame pairs [pairs, 2] of HOP samples, (clip, truth), from DTW on MFCC 1 to 12 with their means taken off."""

    def features(x: np.ndarray) -> np.ndarray:
        mfcc = librosa.feature.mfcc(y=x, sr=RATE, n_mfcc=13, n_fft=1024, hop_length=HOP)[1:]
        return mfcc - mfcc.mean(axis=1, keepdims=True)

    return librosa.sequence.dtw(features(samples), features(truth))[1][::-1]


def f0_rmse_cents(f0: np.ndarray, f0_truth: np.ndarray, pairs: np.ndarray) -> float:
    """Root mean square difference in cents over the aligned frames that are voiced in both clips."""
    clip, truth = f0[pairs[:, 0]], f0_truth[pairs[:, 1]]
    both = np.isfinite(clip) & np.isfinite(truth)
    if both.sum() < MIN_VOICED:
        raise Unmeasurable(f"{both.sum()} aligned frames are voiced in both clips, under {MIN_VOICED}")
    return float(np.sqrt(np.mean((1200 * np.log2(clip[both] / truth[both])) ** 2)))


def voicing_error(f0: np.ndarray, f0_truth: np.ndarray, pairs: np.ndarray) -> float:
    """Fraction of the aligned frames that are voiced in one of the clips only."""
    return float(np.mean(np.isfinite(f0[pairs[:, 0]]) != np.isfinite(f0_truth[pairs[:, 1]])))
