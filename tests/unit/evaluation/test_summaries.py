"""Means, intervals, differences, anchors and suspects, from made-up scores."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from xtts_cloning.evaluation import summaries
from xtts_cloning.evaluation.clips import Clip
from xtts_cloning.evaluation.measures import Unmeasurable
from xtts_cloning.evaluation.scoring import Score

SETTINGS = {
    "seed": 1,
    "language": "en",
    "evaluation": {
        "bootstrap_samples": 500,
        "window_seconds": 5.0,
        "asr": "pocketsphinx",
        "similarity": "resemblyzer",
        "other_speaker": "./recordings",
    },
}
TEXT = "a sentence of thirty letters ok"
draw = partial(summaries.interval, 1, 500)


def score(utterance, system, kind="test", seconds=2.0, stopped=True, windows=(), **scores):
    clip = Clip(utterance, system, kind, TEXT, Path("nowhere"), stopped)
    return Score(clip, seconds, "", scores, list(windows), None, "")


def test_an_interval_holds_its_mean_and_repeats():
    values = np.random.default_rng(0).normal(3, 1, 50).tolist()
    found = draw(values, "secs")
    assert found == draw(values, "secs") != draw(values, "cer")
    assert found["mean"] == pytest.approx(np.mean(values), abs=1e-6)
    half = 1.96 * np.std(values) / np.sqrt(50)
    assert found["low"] == pytest.approx(np.mean(values) - half, abs=half / 3)
    assert found["high"] == pytest.approx(np.mean(values) + half, abs=half / 3)


def test_an_interval_of_few_or_equal_values():
    assert draw([], "secs") is None
    assert draw([0.5], "secs") == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert draw([0.5, 0.5], "secs") == {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 2}


def test_the_difference_is_paired_by_utterance_and_counts_improvements():
    scores = [score(f"u{n}", "zero_shot", secs=0.5 + n / 10, cer=0.2) for n in range(4)]
    scores += [score(f"u{n}", "finetuned", secs=0.6 + n / 10, cer=0.3) for n in reversed(range(4))]
    scores += [score("alone", "finetuned", secs=0.99)]
    found = summaries.paired(scores, "all", draw)
    assert found["secs"] == {"mean": 0.1, "low": 0.1, "high": 0.1, "n": 4, "improved": 4}
    assert found["cer"]["mean"] == 0.1
    assert found["cer"]["improved"] == 0
    assert found["mcd"] is None


def test_what_cannot_be_measured_is_no_zero():
    silent = score("u1", "zero_shot", secs=Unmeasurable("silent"))
    found = summaries.summarise(
        [silent, score("u2", "zero_shot", secs=0.7), score("u2", "finetuned", secs=0.8)], SETTINGS
    )
    assert found["means"]["all"]["zero_shot"]["secs"] == {"mean": 0.7, "low": None, "high": None, "n": 1}
    assert found["means"]["all"]["zero_shot"]["mcd"] is None
    assert found["paired"]["all"]["secs"]["n"] == 1
    assert found["anchors"] == {"ceiling": None, "floor": None}


def test_held_out_sentences_have_means_of_their_own_and_probes_have_none():
    scores = [score("u1", "zero_shot", secs=0.5), score("line01", "zero_shot", "line", secs=0.7)]
    scores += [score("long_unsplit", "zero_shot", "probe", secs=0.1)]
    found = summaries.summarise(scores, SETTINGS)["means"]
    assert found["held_out"]["zero_shot"]["secs"]["mean"] == 0.5
    assert found["all"]["zero_shot"]["secs"] == {**found["all"]["zero_shot"]["secs"], "mean": 0.6, "n": 2}


def test_anchors_are_real_recordings_and_another_speaker():
    scores = [score(f"u{n}", "ground_truth", secs=0.9) for n in range(3)]
    scores += [score("x", "other_speaker", "", secs=0.5), score("u1", "zero_shot", secs=0.8)]
    found = summaries.summarise(scores, SETTINGS)
    assert (found["anchors"]["ceiling"]["mean"], found["anchors"]["floor"]["mean"]) == (0.9, 0.5)
    assert found["anchors"]["floor"]["what"].startswith("recordings of another speaker, against")
    assert found["systems"] == ["ground_truth", "zero_shot"]
    builtin = {**SETTINGS, "evaluation": SETTINGS["evaluation"] | {"other_speaker": "Ana Example"}}
    floor = summaries.summarise(scores, builtin)["anchors"]["floor"]
    assert floor["what"].startswith("Ana Example, a speaker that comes with the model") and floor["mean"] == 0.5


def test_suspects_are_named_with_their_reasons():
    scores = [score(f"u{n}", "ground_truth", seconds=2.0, cer=0.1) for n in range(3)]
    scores += [score("fine", "zero_shot", seconds=2.5, cer=0.3)]
    scores += [score("cut", "zero_shot", stopped=False, cer=0.2)]
    scores += [score("endless", "zero_shot", seconds=9.0, cer=0.2)]
    scores += [score("babble", "finetuned", cer=0.95)]
    found = {(row["utterance"], row["system"]): row["reasons"] for row in summaries.suspects(scores, "en")}
    assert found == {
        ("cut", "zero_shot"): ["hit the token limit"],
        ("endless", "zero_shot"): ["9.0 s for a text of about 2.0 s"],
        ("babble", "finetuned"): ["CER 0.95, recordings 0.10"],
    }


def test_windows_of_both_ways_of_speaking():
    window = {"start": 0.0, "end": 5.0, "secs": 0.8, "cer": Unmeasurable("no text")}
    scores = [score("long", "zero_shot", "phrase", windows=[window])]
    scores += [score("long_unsplit", "zero_shot", "probe", windows=[window])]
    ways = summaries.windows(scores)["long"]["zero_shot"]
    assert ways["split"] == ways["unsplit"]
    assert ways["split"][0] == {"start": 0, "end": 5, "secs": 0.8, "cer": None, "missing": {"cer": "no text"}}


def test_the_models_behind_the_numbers_are_named():
    assert summaries.summarise([], SETTINGS)["settings"]["models"]["asr"] == "pocketsphinx, from its wheel"
    wanted = {**SETTINGS, "evaluation": SETTINGS["evaluation"] | {"asr": "whisper"}}
    found = summaries.summarise([], wanted)["settings"]["models"]["asr"]
    assert found.startswith("openai/whisper-large-v3 at 06f233fe06e7")
