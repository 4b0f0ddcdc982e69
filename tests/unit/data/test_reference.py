"""The reference clip: chosen by its criteria from the training clips, or named by the config."""

import json

import numpy as np
import pandas as pd
import pytest
import recordings
import soundfile
from scripts import run_script
from xtts_cloning import audio
from xtts_cloning.data import metadata, reference
from xtts_cloning.errors import UserError


def speech(seconds, colour=0.9, level=0.1, seed=0):
    """Bursts of noise through a one-pole low pass: another `colour` is another voice."""
    samples = recordings.samples(seconds, seed)
    coloured = np.zeros_like(samples)
    for n in range(1, len(samples)):
        coloured[n] = samples[n] + colour * coloured[n - 1]
    return level * coloured / np.sqrt(np.mean(coloured**2))


# Durations in seconds: the window of these tests is 1.5 to 2.5.
TRAIN = {
    "too-short": speech(1.0, seed=1),
    "too-long": speech(3.0, seed=2),
    "good": speech(2.0, seed=3),
    "good-too": speech(2.1, seed=4),
    "quiet": speech(2.0, level=0.02, seed=5),
    "clipped": np.where(np.arange(44100) == 22000, 1.0, speech(2.0, seed=6)),
    "noisy": speech(2.0, seed=7) + np.random.default_rng(7).normal(size=44100) * 0.05,
    "cut": speech(2.2, seed=8)[round(0.12 * 22050) :],
    "other-voice": speech(2.0, colour=-0.5, seed=9),
}
OUTSIDE = {"eval": {"evaluated": speech(3.2, seed=10)}, "test": {"held-out": speech(2.0, seed=11)}}


def write_tables(folder, splits):
    (folder / "wavs").mkdir(parents=True)
    tables = {}
    for split, clips in splits.items():
        rows = [(f"wavs/{utterance}.wav", f"Text of {utterance}.", "someone") for utterance in clips]
        for utterance, samples in clips.items():
            audio.write(folder / "wavs" / f"{utterance}.wav", samples, 22050)
        tables[split] = folder / f"mdata_{split}.csv"
        metadata.write_mdata(tables[split], pd.DataFrame(rows, columns=metadata.MDATA_COLUMNS))
    return tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("data") / "someone", {"train": TRAIN} | OUTSIDE)


def settings(clip="auto", shortest=1.5, longest=2.5):
    return {"seed": 7, "reference": {"clip": str(clip), "min_seconds": shortest, "max_seconds": longest}}


def test_automatic_choice_and_what_it_says_of_the_others(tables):
    samples, explanation = reference.choose(tables, settings())
    assert explanation["utterance"] in {"good", "good-too"} and explanation["source"] == "auto"
    assert explanation["file"] == f"wavs/{explanation['utterance']}.wav"
    assert explanation["text"] == f"Text of {explanation['utterance']}."
    assert explanation["seconds"] == pytest.approx(len(samples) / 22050, abs=1e-3)
    candidates = {candidate["utterance"]: candidate for candidate in explanation["candidates"]}
    assert set(candidates) == set(TRAIN) - {"too-short", "too-long"}, "the window, and training clips only"
    assert [candidate["rank"] for candidate in explanation["candidates"]] == list(range(1, 8))
    because = {utterance: " ".join(candidate["rejected_because"]) for utterance, candidate in candidates.items()}
    assert because["good"] == because["good-too"] == because["other-voice"] == ""
    assert "dBFS where the speaker's median is" in because["quiet"]
    assert because["clipped"] == "samples at full scale"
    assert "SNR" in because["noisy"]
    assert "start or end only" in because["cut"]
    assert candidates["other-voice"]["rank"] == 3, "no fault but its distance from the speaker's centre"
    assert candidates["other-voice"]["score"] > 1.5 * candidates["good"]["score"]
    json.dumps(explanation, allow_nan=False)


def test_if_every_clip_has_a_fault_the_one_with_the_fewest_is_taken(tmp_path):
    faulty = {name: TRAIN[name] for name in ("clipped", "cut")} | {"both": np.r_[TRAIN["cut"][:35000], np.ones(9)]}
    tables = write_tables(tmp_path / "someone", {"train": faulty} | OUTSIDE)
    _, explanation = reference.choose(tables, settings())
    assert explanation["candidates"][0]["rejected_because"]
    assert explanation["candidates"][-1]["utterance"] == "both"


def test_no_clip_in_the_window_says_what_there_is_and_what_to_widen(tables):
    with pytest.raises(UserError) as caught:
        reference.choose(tables, settings(shortest=7.0, longest=8.0))
    assert "its 9 clips last 1.00 to 3.00 s" in str(caught.value) and "too-long, at 3.00 s" in str(caught.value)
    assert "reference.min_seconds and reference.max_seconds" in str(caught.value)


@pytest.mark.parametrize(("utterance", "split"), [("too-long", "train"), ("evaluated", "eval")])
def test_a_named_utterance(tables, utterance, split):
    samples, explanation = reference.choose(tables, settings(utterance))
    assert (explanation["source"], explanation["utterance"]) == ("utterance", utterance)
    assert explanation["text"] == f"Text of {utterance}."
    written = audio.read(tables[split].parent / "wavs" / f"{utterance}.wav", 22050)
    assert np.array_equal(samples, written)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3", "OGG"])
def test_a_named_file_of_any_format(tables, tmp_path, form):
    stereo = np.stack([speech(4.0), np.zeros(4 * 22050)], axis=1)
    file = tmp_path / f"me.{form.lower()}"
    file.write_bytes(recordings.encoded(stereo, 44100, form))  # so 2 s long, unless repeated
    with pytest.raises(UserError, match=r"reference too short, 2\.\d+ s; at least 3 s"):
        reference.choose(tables, settings(file))
    file.write_bytes(recordings.encoded(np.concatenate([stereo] * 2), 44100, form))
    samples, explanation = reference.choose(tables, settings(file))
    assert (explanation["source"], explanation["utterance"], explanation["file"]) == ("file", None, str(file))
    assert len(samples) / 22050 == pytest.approx(4.0, abs=0.1) and explanation["text"] is None


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ("held-out", "held-out is held out for tests.*must not be cloned"),
        ("nobody", "'nobody' is neither an utterance of .*mdata_train.csv .*nor an audio file that exists"),
        ("too-short", "too-short is a reference too short, 1.00 s; at least 3 s"),
    ],
)
def test_a_name_that_cannot_be_used(tables, clip, message):
    with pytest.raises(UserError, match=message):
        reference.choose(tables, settings(clip))


def test_a_file_that_is_silent_or_no_audio(tables, tmp_path):
    audio.write(tmp_path / "silence.wav", np.zeros(5 * 22050), 22050)
    with pytest.raises(UserError, match=r"silence\.wav is silent"):
        reference.choose(tables, settings(tmp_path / "silence.wav"))
    (tmp_path / "page.mp3").write_text("<html>")
    with pytest.raises(UserError, match=r"page\.mp3: cannot be decoded"):
        reference.choose(tables, settings(tmp_path / "page.mp3"))


def test_silent_clips_are_no_candidates_and_only_silent_ones_are_an_error(tmp_path):
    silent = {f"silent-{place}": np.zeros(44100) for place in range(3)}
    tables = write_tables(tmp_path / "some", {"train": {**silent, "heard": TRAIN["good"]}} | OUTSIDE)
    _, explanation = reference.choose(tables, settings())
    assert [candidate["utterance"] for candidate in explanation["candidates"]] == ["heard"]
    tables = write_tables(tmp_path / "none", {"train": silent} | OUTSIDE)
    with pytest.raises(UserError, match="all 3 training clips are silent"):
        reference.choose(tables, settings())


@pytest.mark.parametrize("form", ["WAV", "MP3"])
def test_a_named_file_whose_channels_cancel_when_mixed_down_is_silent(tables, tmp_path, form):
    file = tmp_path / f"me.{form.lower()}"
    file.write_bytes(recordings.encoded(np.stack([speech(8.0), -speech(8.0)], axis=1), 44100, form))
    with pytest.raises(UserError, match="is silent"):
        reference.choose(tables, settings(file))


def script(tables, folder, step_settings, **options):
    splits = [part for split, path in tables.items() for part in (f"--{split}", path)]
    outputs = ["--wav", folder / "reference.wav", "--explanation", folder / "reference.json"]
    return run_script("reference.py", "--settings", json.dumps(step_settings), *splits, *outputs, **options)


def test_script_twice_gives_the_same_bytes_and_an_error_keeps_them(tables, tmp_path):
    done = script(tables, tmp_path, settings())
    assert "(auto)" in done.stderr and "warning" not in done.stderr
    first = [(tmp_path / name).read_bytes() for name in ("reference.wav", "reference.json")]
    info = soundfile.info(tmp_path / "reference.wav")
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    chosen = json.loads(first[1])["file"]
    assert first[0] == (tables["train"].parent / chosen).read_bytes()
    script(tables, tmp_path, settings())
    failed = script(tables, tmp_path, settings("held-out"), check=False)
    assert failed.returncode == 1 and "held out for tests" in failed.stderr and "Traceback" not in failed.stderr
    assert [(tmp_path / name).read_bytes() for name in ("reference.wav", "reference.json")] == first
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["reference.json", "reference.wav"]
