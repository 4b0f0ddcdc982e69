"""The clip that the voice is cloned from: chosen by stated criteria among the training clips, or named by the config.

Automatic choice: of the training clips whose duration lies in the configured window, those that
- are as loud as the speaker usually is (within 6 dB of the median level of the training clips),
- have no sample at full scale,
- have a signal-to-noise ratio of at least 20 dB,
- begin and end quietly (first and last 20 ms at least 10 dB below the clip's level: no word is cut),
and of these the one that sounds most like the speaker on average: the smallest distance to the median, over the
training clips, of the clip's MFCC means and standard deviations, in units of their spread. The distribution of MFCCs
describes speaker and channel (Reynolds and Rose 1995, IEEE Trans. Speech and Audio Processing 3(1), 72-83).
Silent clips are left out. If no clip meets all criteria, one that fails the fewest is taken, and that is said.
"""

from pathlib import Path

import librosa
import numpy as np
import pandas as pd

from xtts_cloning import audio
from xtts_cloning.data import metadata
from xtts_cloning.errors import UserError
from xtts_cloning.files import keyed_seed
from xtts_cloning.model import characters

RATE = 22050  # Hz, the model's input
MAX_LEVEL_DIFFERENCE_DB = 6.0
MIN_SNR_DB = 20.0
MIN_EDGE_DROP_DB = 10.0
EDGE_SECONDS = 0.02
MIN_SECONDS = 3.0  # of a clip that the config names: with less, the model's copy of a voice is poor
CANDIDATES_LISTED = 20


def choose(tables: dict[str, Path], settings: dict) -> tuple[np.ndarray, dict]:
    """The reference's samples at 22,050 Hz and the content of reference.json.

    `tables` holds the mdata tables by split (train, eval, test); `settings` is the reference step's slice of the
    config. UserError if the config names what cannot be used, or if no clip has the configured duration.
    """
    clip = settings["reference"]["clip"]
    if clip == "auto":
        return _automatic(tables["train"], settings)
    frames = {split: _by_utterance(path) for split, path in tables.items()}
    file, clip = clip, characters.visible(clip)  # as the tables have ids
    if clip in frames["test"].index:
        raise UserError(
            f"reference.clip: {clip} is held out for tests ({tables['test']}): the voice must not be cloned from it. "
            f"Name an utterance of {tables['train']}, an audio file, or auto"
        )
    for split in ("train", "eval"):
        if clip in frames[split].index:
            row = frames[split].loc[clip]
            samples = audio.read(tables[split].parent / row.audio_file, RATE)
            return samples, _named("utterance", samples, clip, row.audio_file, row.text)
    if not Path(file).is_file():
        raise UserError(
            f"reference.clip: {clip!r} is neither an utterance of {tables['train']} or {tables['eval']} nor an audio "
            "file that exists; name one of these, or auto"
        )
    samples = audio.read(file, RATE)
    return samples, _named("file", samples, None, file, None)


def measure(samples: np.ndarray) -> dict[str, float]:
    """Duration, levels, share of clipped samples, SNR, and how far the louder end lies below the clip's level (dB)."""
    edge = round(EDGE_SECONDS * RATE)
    level = audio.level_dbfs(samples)
    loudest_edge = max(audio.level_dbfs(samples[:edge]), audio.level_dbfs(samples[-edge:]))
    measured = {
        "seconds": len(samples) / RATE,
        "level_dbfs": level,
        "peak_dbfs": audio.peak_dbfs(samples),
        "clipped_fraction": audio.clipped_fraction(samples),
        "snr_db": audio.snr_db(samples, RATE),
        "edge_drop_db": level - loudest_edge,
    }
    return {name: round(value, 6) for name, value in measured.items()}


def timbre(samples: np.ndarray) -> np.ndarray:
    """Means and standard deviations of MFCCs 1 to 19 over the clip, float64 [38]; the 0th, loudness, is left out."""
    coefficients = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=20)[1:]
    return np.concatenate([coefficients.mean(axis=1), coefficients.std(axis=1)]).astype(np.float64)


def _automatic(train: Path, settings: dict) -> tuple[np.ndarray, dict]:
    frame = _by_utterance(train)
    clips, median_level = _compare(frame.audio_file.map(train.parent.joinpath))
    window = [settings["reference"]["min_seconds"], settings["reference"]["max_seconds"]]
    compared = clips[clips.seconds.between(*window)].copy()
    if compared.empty:
        raise UserError(_none_in_window(train, clips.seconds, *window))
    compared["rejected_because"] = [_failures(row, median_level) for row in compared.itertuples()]
    compared["failures"] = compared.rejected_because.map(len)
    compared["tie"] = [keyed_seed(settings["seed"], "reference", utterance) for utterance in compared.index]
    compared = compared.sort_values(["failures", "score", "tie"]).drop(columns=["failures", "tie"])
    best = frame.loc[compared.index[0]]
    criteria = {
        "seconds": window,
        "median_level_dbfs": median_level,
        "max_level_difference_db": MAX_LEVEL_DIFFERENCE_DB,
        "clipped_fraction": 0,
        "min_snr_db": MIN_SNR_DB,
        "min_edge_drop_db": MIN_EDGE_DROP_DB,
        "score": "distance to the speaker's centre (MFCC means and standard deviations), the smallest wins",
        "clips_compared": len(compared),
        "clips_of_speaker": len(clips),
    }
    candidates = [
        {"utterance": utterance, "rank": place, **values}
        for place, (utterance, values) in enumerate(compared.to_dict("index").items(), start=1)
    ][:CANDIDATES_LISTED]
    explanation = _explanation("auto", best.name, best.audio_file, best.text, criteria, candidates)
    return audio.read(train.parent / best.audio_file, RATE), explanation


def _compare(files: pd.Series) -> tuple[pd.DataFrame, float]:
    """What `measure` gives for each clip, its distance to the speaker's centre (`score`), and the median level.

    Silent clips are left out; UserError if all are silent.
    """
    measures, timbres = {}, []
    for utterance, file in files.items():
        samples = audio.read(file, RATE)
        measured = measure(samples)
        if measured["level_dbfs"] >= audio.SILENT_DBFS:
            measures[utterance] = measured
            timbres.append(timbre(samples))
    if not measures:
        raise UserError(
            f"reference.clip: all {len(files)} training clips are silent ({files.iloc[0]} and others); at least "
            f"{audio.SILENT_DBFS:g} dBFS are needed. Channels of opposite sign cancel when they are mixed down"
        )
    clips = pd.DataFrame.from_dict(measures, orient="index").rename_axis(files.index.name)
    spread = np.maximum(np.std(timbres, axis=0), 1e-6)
    distances = np.sqrt(np.mean(((timbres - np.median(timbres, axis=0)) / spread) ** 2, axis=1))
    clips["score"] = np.round(distances, 4)
    return clips, round(float(clips.level_dbfs.median()), 4)


def _failures(row, median_level: float) -> list[str]:
    """The criteria that a clip does not meet, in words."""
    level = f"level {row.level_dbfs:.1f} dBFS where the speaker's median is {median_level:.1f} dBFS"
    checks = {
        level: abs(row.level_dbfs - median_level) > MAX_LEVEL_DIFFERENCE_DB,
        "samples at full scale": row.clipped_fraction > 0,
        f"SNR {row.snr_db:.1f} dB": row.snr_db < MIN_SNR_DB,
        f"start or end only {row.edge_drop_db:.1f} dB below the clip's level": row.edge_drop_db < MIN_EDGE_DROP_DB,
    }
    return [words for words, failed in checks.items() if failed]


def _none_in_window(train: Path, seconds: pd.Series, shortest: float, longest: float) -> str:
    nearest = np.maximum(shortest - seconds, seconds - longest).idxmin()
    return (
        f"no clip of {train} lasts {shortest} to {longest} s: its {len(seconds)} clips last {seconds.min():.2f} to "
        f"{seconds.max():.2f} s, and {nearest}, at {seconds[nearest]:.2f} s, comes nearest. Widen "
        "reference.min_seconds and reference.max_seconds, or name a clip in reference.clip."
    )


def _named(source: str, samples: np.ndarray, utterance: str | None, file: str, text: str | None) -> dict:
    clip, measured = utterance or file, measure(samples)
    if measured["seconds"] < MIN_SECONDS:
        raise UserError(
            f"reference.clip: {clip} is a reference too short, {measured['seconds']:.2f} s; at least {MIN_SECONDS:g} s "
            "are needed, 6 to 10 s are good"
        )
    if measured["level_dbfs"] < audio.SILENT_DBFS:
        raise UserError(
            f"reference.clip: {clip} is silent ({measured['level_dbfs']:.1f} dBFS); at least {audio.SILENT_DBFS:g} "
            "dBFS are needed"
        )
    criteria = {"min_seconds": MIN_SECONDS, "min_level_dbfs": audio.SILENT_DBFS}
    candidate = {"utterance": utterance, "rank": 1, **measured, "score": None, "rejected_because": []}
    return _explanation(source, utterance, file, text, criteria, [candidate])


def _explanation(source, utterance, file, text, criteria, candidates) -> dict:
    return {
        "utterance": utterance,
        "source": source,
        "file": file,
        "seconds": candidates[0]["seconds"],
        "text": text,
        "criteria": criteria,
        "candidates": candidates,
    }


def _by_utterance(path: Path) -> pd.DataFrame:
    frame = metadata.read_mdata(path)
    return frame.set_index(frame.audio_file.map(lambda file: Path(file).stem))
