"""A change reruns what it touches and nothing else: each change, and exactly the jobs that a dry run then plans."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import builtin_voices
import pandas as pd
import pytest
from checkout import edit_config, planned, snakemake

REPORT = {"report"}
EVALUATION = {"evaluate", *REPORT}
SPEECH = {"synthesize:zero_shot", "synthesize:finetuned", "page_audio", *EVALUATION}
FINETUNING = {"finetune", "synthesize:finetuned", "page_audio", *EVALUATION}
REFERENCE = {"reference", *SPEECH}
SUBSET = {"subset", "finetune", *REFERENCE}
MODEL = {"demo_model", *SUBSET}
EVERYTHING = {"demo_speech", *MODEL}

CONFIG_CHANGES = [
    ({}, set()),
    ({"report.title": "Another title"}, REPORT),
    ({"report.gpu_price_per_hour": {"H100": 2.5}}, REPORT),
    ({"evaluation.window_seconds": 4.0}, EVALUATION),
    ({"evaluation.other_speaker": None}, EVALUATION),
    ({"synthesis.temperature": 0.5}, SPEECH),
    ({"synthesis.lines": "config/lines.txt"}, SPEECH),
    ({"reference.gpt_cond_len": 6}, SPEECH),
    ({"reference.min_seconds": 4.5}, REFERENCE),
    ({"reference.clip": "DEMO-0007"}, REFERENCE),
    ({"finetune.lr": 5.0e-4}, FINETUNING),
    ({"finetune.batch_size": 2, "finetune.grad_accum": 4}, FINETUNING),
    ({"finetune.batch_size": 1, "finetune.grad_accum": 4}, FINETUNING),  # the demo's 4 and 1, swapped
    ({"subset.clips": 40}, SUBSET),
    ({"dataset.sha256": "0" * 64}, SUBSET),
    ({"seed": 7}, MODEL),
    ({"compute.threads": 1}, {"finetune", *SPEECH}),
    ({"compute.container": "containers/mine.sif"}, set()),
    ({"model.accept_cpml": True}, set()),
]


@pytest.fixture
def builtin(demo):
    """The demo's model with speakers of its own, for as long as the test takes."""
    path = builtin_voices.write(demo.checkout / "data/models/demo", "Ana Example", "Bob Example")
    yield demo
    path.unlink()
    shutil.rmtree(demo.checkout / "results/demo/speech/other_speaker", ignore_errors=True)


def test_a_speaker_of_the_model_as_the_other_one(builtin):
    """She says the held-out sentences; another one, and the report's title, rerun no more than they touch."""
    other = {"synthesize:other_speaker", *EVALUATION}
    ana = edit_config(builtin.checkout, {"evaluation.other_speaker": "Ana Example"})
    assert planned(builtin.checkout, config=ana) == other
    folder = builtin.results / "speech/other_speaker"
    snakemake(builtin.checkout, "results/demo/speech/other_speaker", config=ana)
    spoken = pd.read_csv(folder / "manifest.csv")
    held_out = pd.read_csv(builtin.data / "mdata_test.csv", sep="|")
    assert list(spoken.text) == list(held_out.text)
    assert planned(builtin.checkout, config=ana) == EVALUATION
    for changes in ({"evaluation.other_speaker": "Bob Example"}, {"synthesis.temperature": 0.5}):
        changed = edit_config(builtin.checkout, {"evaluation.other_speaker": "Ana Example", **changes})
        expected = other | (SPEECH if "synthesis.temperature" in changes else set())
        assert planned(builtin.checkout, config=changed) == expected
    changed = edit_config(builtin.checkout, {"evaluation.other_speaker": "Ana Example", "reference.gpt_cond_len": 6})
    assert planned(builtin.checkout, config=changed) == SPEECH
    assert planned(builtin.checkout) == set(), "back with the recordings, nothing has changed"


def name(value) -> str:
    return "-".join(sorted(map(str, value)))[:60]


@pytest.mark.parametrize(("changes", "expected"), CONFIG_CHANGES, ids=name)
def test_config_change(demo, changes, expected):
    assert planned(demo.checkout, config=edit_config(demo.checkout, changes)) == expected


@contextmanager
def edited(path: Path, text: str):
    """The file with `text` appended; afterwards as it was, but for its time."""
    before = path.read_text()
    path.write_text(before + text)
    try:
        yield
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("config/demo_lines.txt", "One more line.\n", SPEECH),
        ("workflow/scripts/synthesize.py", "# edited\n", SPEECH),
        ("workflow/scripts/xtts_cloning/data/reference.py", "# edited\n", REFERENCE),
        ("workflow/scripts/xtts_cloning/speech/decoding.py", "# edited\n", SPEECH),
        ("workflow/scripts/xtts_cloning/training/loop.py", "# edited\n", FINETUNING),
        ("workflow/scripts/xtts_cloning/evaluation/measures.py", "# edited\n", EVALUATION),
        ("envs/xtts.lock", "# edited\n", EVERYTHING),
        ("README.md", "edited\n", set()),
    ],
)
def test_edited_file(demo, name, text, expected):
    with edited(demo.checkout / name, text):
        assert planned(demo.checkout) == expected
    assert planned(demo.checkout) == set(), "the same content with a new time stamp must rerun nothing"


def test_touched_files(demo):
    for path in [*demo.checkout.glob("workflow/scripts/**/*.py"), *demo.checkout.glob("config/*")]:
        os.utime(path)
    assert planned(demo.checkout) == set()


def test_image_instead_of_virtual_environment(demo, tmp_path):
    """A dry run asks Apptainer for no more than its version, so a stand-in command is enough here."""
    (tmp_path / "apptainer").write_text("#!/bin/sh\necho apptainer version 1.4.5\n")
    (tmp_path / "apptainer").chmod(0o755)
    path = f"{tmp_path}:{demo.checkout / '.venv/xtts/bin'}:{os.environ['PATH']}"
    assert planned(demo.checkout, "--sdm", "apptainer", PATH=path) == set()


def test_cluster_instead_of_this_machine(demo):
    assert planned(demo.checkout, "--executor", "slurm", "--jobs", "10") == set()
