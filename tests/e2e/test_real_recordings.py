"""The chain on LJSpeech's own metadata and clips, with a stand-in model that has XTTS-v2's real tokenizer."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from checkout import copy_checkout, edit_config, share_environments, snakemake
from xtts_cloning.demo.standin import write_standin

ROWS = 13_100  # of LJSpeech's metadata.csv


@dataclass
class RealRun:
    data: Path
    results: Path


@pytest.fixture(scope="module")
def real_run(tmp_path_factory, ljspeech_archive, hub_files, other_speaker) -> RealRun:
    checkout = copy_checkout(tmp_path_factory.mktemp("real"))
    share_environments(checkout)
    (checkout / "data/models/tiny").mkdir(parents=True)
    write_standin(checkout / "data/models/tiny", seed=1, vocab=hub_files / "vocab.json")
    changes = {
        "run": "real",
        "speaker": "lj",
        "dataset.archive": str(ljspeech_archive),
        "model.source": "data/models/tiny",
        "subset.clips": 120,
        "subset.eval_clips": 12,
        "subset.test_clips": 8,
        "reference.min_seconds": 7.0,
        "reference.max_seconds": 8.0,
        "finetune.max_steps": 40,
        "evaluation.other_speaker": str(other_speaker),
        "report.title": "Real recordings, stand-in model",
    }
    snakemake(checkout, config=edit_config(checkout, changes))
    return RealRun(checkout / "data/lj", checkout / "results/real")


def test_every_row_is_taken_or_rejected_with_its_reason(real_run):
    clips = pd.read_csv(real_run.data / "clips.csv")
    rejected = pd.read_csv(real_run.data / "rejected.csv")
    assert clips.split.value_counts().to_dict() == {"train": 108, "eval": 12, "test": 8}
    assert len(clips) + len(rejected) == ROWS
    assert set(clips.id).isdisjoint(rejected.id)
    assert rejected.reason.value_counts()["not_in_archive"] > 12_000
    assert clips.seconds.between(1.0, 10.2).all()
    assert clips.level_dbfs.between(-35, -15).all()


def test_reference_is_a_training_clip_of_seven_to_eight_seconds(real_run):
    chosen = json.loads((real_run.data / "reference.json").read_text())
    train = pd.read_csv(real_run.data / "mdata_train.csv", sep="|").audio_file
    assert f"wavs/{chosen['utterance']}.wav" in set(train)
    assert 7.0 <= soundfile.info(real_run.data / "reference.wav").duration <= 8.0


def test_finetuning_learns_from_real_speech(real_run):
    losses = pd.read_csv(real_run.results / "finetune/history.csv").dropna(subset="eval_loss").eval_loss
    assert losses.iloc[-1] < 0.9 * losses.iloc[0], losses.tolist()


def test_held_out_transcripts_are_spoken(real_run):
    test = {Path(name).stem for name in pd.read_csv(real_run.data / "mdata_test.csv", sep="|").audio_file}
    for system in ("zero_shot", "finetuned"):
        manifest = pd.read_csv(real_run.results / f"speech/{system}/manifest.csv")
        assert set(manifest.utterance[manifest.kind == "test"]) == test


def test_report_shows_the_run(real_run):
    page = (real_run.results / "report.html").read_text()
    assert "Real recordings, stand-in model" in page
    assert "LJ001-" in page
