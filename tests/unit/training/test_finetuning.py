"""The whole step: what it writes, what the library makes of it, and what a second start finds."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from training_case import SETTINGS, Case, Killed, killed_at, shorten_prompts
from xtts_cloning import files
from xtts_cloning.model import checkpoints, loading
from xtts_cloning.training import batches, finetuning, loop


@pytest.fixture(scope="module")
def case(standin, tmp_path_factory):
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        shorten_prompts(patch)
        yield Case(standin, tmp_path_factory.mktemp("data"))


def finetune(case: Case, output: Path, **changes) -> dict:
    settings = {"language": "en", "seed": 5, "compute": {"device": "cpu", "threads": 1}}
    settings |= {"finetune": {**SETTINGS, "max_steps": 6, "precision": "auto", **changes}}
    finetuning.finetune(settings, case.standin, case.train_manifest, case.eval_manifest, output)
    return json.loads((output / "summary.json").read_text())


@pytest.fixture(scope="module")
def output(case, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "finetune"
    finetune(case, output)
    return output


def test_convolutions_add_in_one_order(output):
    assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark


def test_outputs(output):
    names = {"model.pth", "config.json", "vocab.json", "history.csv", "summary.json", "timing.json", "tensorboard"}
    assert {path.name for path in output.glob("[!.]*")} == names
    summary = json.loads((output / "summary.json").read_text())
    history = pd.read_csv(output / "history.csv")
    assert summary["steps"] == 6 and summary["precision"] == "fp32" and summary["improved"] is True
    assert summary["clips"] == {"train": 6, "eval": 3} and summary["stopped_early"] is False
    assert summary["zero_shot_eval_loss"] == history.eval_loss[0]
    assert summary["best_eval_loss"] == history.eval_loss[1:].min()
    assert summary["best_step"] == history.step[history.eval_loss[1:].idxmin()]
    timing = json.loads((output / "timing.json").read_text())
    assert timing["device"] == "cpu" and timing["gpu"] is timing["driver"] is None and timing["peak_rss_bytes"] > 1e8
    kernels = timing["attention"]
    assert {"causal, float32", "causal, float32, with gradients"} <= set(kernels)
    exact = [found for kind, found in kernels.items() if "float32" in kind]  # other tests may have used others here
    assert all(found["fused"] and found["difference"] < 1e-4 for found in exact), kernels
    assert timing["clips_per_second"] == pytest.approx(4 * timing["steps_per_second"], rel=0.01)


def test_the_library_loads_the_export_strictly(output, case, standin):
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    config.load_json(str(output / "config.json"))
    model = Xtts.init_from_config(config)
    model.load_checkpoint(config, checkpoint_dir=str(output), eval=True, strict=True)
    torch.set_num_threads(1)
    source = loading.read(standin).state_dict()
    exported = checkpoints.load(output / "model.pth")
    assert exported["config"] == json.loads((standin / "config.json").read_text())
    assert exported["model"].keys() == source.keys(), "not the hub's layout"
    for name, value in source.items():
        same = torch.equal(value, exported["model"][name])
        assert same is not name.startswith("gpt."), name
    assert (output / "model.pth").stat().st_size < 1.01 * (standin / "model.pth").stat().st_size
    assert torch.equal(model.gpt.mel_head.weight, exported["model"]["gpt.mel_head.weight"])


def test_the_export_is_the_best_step(output, case):
    trainer = case.trainer()
    trainer.gpt = loading.read(output).gpt
    loss = loop.evaluate(trainer, batches.evaluation_batches(case.eval_clips, case.tokens, 3))
    assert loss == pytest.approx(json.loads((output / "summary.json").read_text())["best_eval_loss"], abs=1e-5)


def test_again_it_finds_its_work_done(output, case, capsys):
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.name != ".lock"}
    finetune(case, output)
    assert "already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.name != ".lock"} == before


def test_the_same_bytes_again_and_another_setting_elsewhere(output, case, tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        killed_at(patch, loop, "train_step", 5)
        with pytest.raises(Killed):
            finetune(case, tmp_path, lr=2.0e-3)
    (other,) = tmp_path.glob("state-*")
    assert (other / "latest.pth").exists()
    finetune(case, tmp_path)
    told = capsys.readouterr().err
    assert f"note: {other}" in told and "going on from" not in told
    for name in ("model.pth", "config.json", "vocab.json", "history.csv", "summary.json"):
        assert files.sha256(tmp_path / name) == files.sha256(output / name), name
    assert [path.name for path in tmp_path.glob("state-*")] == [other.name]


def test_no_improvement_is_said_loudly_and_the_best_trained_step_exported(case, tmp_path, capsys, monkeypatch):
    values = iter([1.0, 3.0, 2.0])
    monkeypatch.setattr(loop, "evaluate", lambda *_: next(values))
    summary = finetune(case, tmp_path)
    assert (summary["improved"], summary["best_step"], summary["best_eval_loss"]) == (False, 6, 2.0)
    assert "WARNING: no trained step is better" in capsys.readouterr().err
    assert (tmp_path / "model.pth").exists()


def test_killed_in_the_export_it_exports_again(output, case, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_at(patch, finetuning, "_timing", 1)
        with pytest.raises(Killed):
            finetune(case, tmp_path)
    assert (tmp_path / "model.pth").exists() and not (tmp_path / "summary.json").exists()
    finetune(case, tmp_path)
    assert files.sha256(tmp_path / "model.pth") == files.sha256(output / "model.pth")
    assert not list(tmp_path.glob("state-*"))
