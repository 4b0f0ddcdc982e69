"""`make demo` from a clean checkout: the whole chain, and what its results must show."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import soundfile
import torch
from checkout import contents, copy_checkout

SYSTEMS = ("zero_shot", "finetuned")


def test_every_file_that_is_promised(demo):
    for name in ["mdata.csv", "mdata_train.csv", "mdata_eval.csv", "mdata_test.csv", "clips.csv", "rejected.csv"]:
        assert (demo.data / name).stat().st_size > 0
    for name in [
        "report.html",
        "provenance.json",
        "metrics.csv",
        "summary.json",
        "finetune/history.csv",
        "logs/driver.json",
    ]:
        assert (demo.results / name).stat().st_size > 0
    assert {path.stem for path in (demo.results / "benchmarks").glob("*.tsv")} >= {"subset", "finetune", "evaluate"}


def test_every_file_and_every_column_is_documented(demo):
    """In docs/output.md, in backticks; a file of many of its kind by its folder or its suffix."""
    documented = (demo.checkout / "docs/output.md").read_text()
    found = [path for folder in (demo.data, demo.results) for path in folder.rglob("*") if path.is_file()]
    many = {"wavs", "speech", "figures", "page_audio", "logs", "benchmarks", "tensorboard", "workflow"}
    for path in found:
        parts = path.relative_to(demo.checkout).parts[2:]
        known = many & set(parts) or path.name in documented
        assert known or path.name.startswith("."), f"{path} is not in docs/output.md"
        if path.suffix == ".csv":
            columns = pd.read_csv(path, sep="|" if path.name.startswith("mdata") else ",", nrows=0).columns
            assert [column for column in columns if f"`{column}`" not in documented] == [], path
    assert len(found) > 100 and all(f"`{name}" in documented or f"/{name}" in documented for name in many)


def test_says_where_the_report_is(demo):
    assert demo.log.rstrip().endswith("report: results/demo/report.html")


def test_second_time_there_is_nothing_to_do(demo):
    done = subprocess.run(["make", "demo", "ENV=venv"], cwd=demo.checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("report: results/demo/report.html")


def test_split_is_disjoint(demo):
    split = {
        name: set(pd.read_csv(demo.data / f"mdata_{name}.csv", sep="|").audio_file)
        for name in ("train", "eval", "test")
    }
    assert {name: len(files) for name, files in split.items()} == {"train": 40, "eval": 8, "test": 4}
    assert len(set.union(*split.values())) == 52
    reference = json.loads((demo.data / "reference.json").read_text())
    assert f"wavs/{reference['utterance']}.wav" in split["train"]


def test_finetuning_learns_and_exports_its_best_step(demo):
    history = pd.read_csv(demo.results / "finetune/history.csv")
    losses = history.dropna(subset="eval_loss").set_index("step").eval_loss
    assert losses.index[0] == 0
    assert losses.iloc[-1] < 0.8 * losses.iloc[0], f"the loss hardly fell: {losses.to_dict()}"
    summary = json.loads((demo.results / "finetune/summary.json").read_text())
    trained = losses.drop(0)
    assert summary["best_step"] == trained.idxmin()
    assert summary["best_eval_loss"] == pytest.approx(trained.min())


def test_finetuning_changes_the_gpt_and_only_the_gpt(demo):
    before = torch.load(demo.checkout / "data/models/demo/model.pth")["model"]
    after = torch.load(demo.results / "finetune/model.pth")["model"]
    changed = {name.split(".")[0] for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert changed == {"gpt"}


def test_finetuned_speech_differs_from_zero_shot(demo):
    manifests = [
        pd.read_csv(demo.results / f"speech/{system}/manifest.csv", index_col="utterance") for system in SYSTEMS
    ]
    assert list(manifests[0].index) == list(manifests[1].index)
    assert (manifests[0].sha256 != manifests[1].sha256).all()


def test_speech_is_what_the_manifest_says(demo):
    for system in SYSTEMS:
        folder = demo.results / "speech" / system
        manifest = pd.read_csv(folder / "manifest.csv")
        assert {path.name for path in folder.glob("*.wav")} == set(manifest.audio_file)
        assert {"phrase", "line", "test", "probe"} == set(manifest.kind)
        for row in manifest.itertuples():
            info = soundfile.info(folder / row.audio_file)
            assert (info.samplerate, info.channels, info.subtype) == (24000, 1, "PCM_16")
            assert info.duration == pytest.approx(row.seconds, abs=0.01)
        timing = pd.read_csv(folder / "timing.csv")
        assert set(timing.utterance[timing["mode"] == "batch"]) == {*manifest.utterance, "all"}
        assert set(timing.utterance[timing["mode"] == "alone"]) == {"test", "short", "long", "long_unsplit"}
        assert (timing.rtf * timing.times_realtime - 1).abs().max() < 1e-3


@pytest.fixture
def open_folder():
    """A folder that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_same_bytes_as_an_ordinary_user_with_an_empty_home(demo, open_folder):
    """A second run from scratch, environments included: another user, another folder, nothing in the environment."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv to become another user")
    user = pwd.getpwnam("nobody")
    folder, home = open_folder / "checkout", open_folder / "home"
    folder.mkdir()
    home.mkdir()
    copy_checkout(folder)
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", folder, home], check=True)
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    plain = ["env", "-i", f"HOME={home}", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]
    done = subprocess.run(
        [*become, *plain, "make", "demo", "ENV=venv", "PYTHON=/usr/bin/python3"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert list(home.iterdir()) == [], "something was installed or cached outside the checkout"

    for part in ["data/demo", "data/downloads", "data/models", "results/demo/speech", "results/demo/finetune"]:
        first, second = contents(demo.checkout / part), contents(folder / part)
        different = [name for name in first.keys() | second.keys() if first.get(name) != second.get(name)]
        assert [name for name in different if not name.startswith(("logs/", "tensorboard/"))] == [], part
    for name in ["metrics.csv", "summary.json"]:
        assert (demo.results / name).read_bytes() == (folder / "results/demo" / name).read_bytes(), name
    assert contents(demo.results / "figures") == contents(folder / "results/demo/figures")
