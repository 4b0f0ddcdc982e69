"""Fine-tuning on CUDA: both half precisions, resume, no host synchronisation, NaN, out of memory."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import torch
from made_clips import write_manifest
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints
from xtts_cloning.training import finetuning, loop

pytestmark = pytest.mark.gpu
FINETUNE = {
    "max_steps": 24,
    "batch_size": 4,
    "grad_accum": 1,
    "gradient_checkpointing": False,
    "precision": "auto",
}
FINETUNE |= {"eval_interval": 6, "save_interval": 6, "lr": 1.0e-3, "warmup_steps": 0, "lr_final_fraction": 1.0}
FINETUNE |= {"weight_decay": 0.01, "grad_clip": 1.0, "early_stopping_evals": 0}


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("data")
    seconds = [0.6 + 0.5 * index for index in range(16)]
    return [
        write_manifest(folder / "mdata_train.csv", seconds, seed=1),
        write_manifest(folder / "mdata_eval.csv", [0.9, 3.0, 7.0], seed=2),
    ]


@pytest.fixture
def finetune(standin, manifests, tmp_path):
    def run(device: str = "cuda", **changes) -> pd.DataFrame:
        settings = {"language": "en", "seed": 5, "compute": {"device": device, "threads": 4}}
        settings["finetune"] = {**FINETUNE, **changes}
        finetuning.finetune(settings, standin, *manifests, tmp_path / "out")
        return pd.read_csv(tmp_path / "out/history.csv")

    return run


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_it_learns_in_every_precision(finetune, tmp_path, precision):
    history = finetune(precision=precision)
    assert history.eval_loss.iloc[-1] < history.eval_loss[0] - 0.5
    timing = json.loads((tmp_path / "out/timing.json").read_text())
    assert timing["gpu"] == torch.cuda.get_device_name() and timing["peak_gpu_bytes"] > 1e7
    assert re.fullmatch(r"[\d.]+", timing["driver"])
    weights = checkpoints.load(tmp_path / "out/model.pth")["model"]
    assert all(value.dtype == torch.float32 and value.device.type == "cpu" for value in weights.values())


def test_fp32_follows_the_cpu(finetune, tmp_path):
    """Dropout draws other numbers on a GPU, so the losses before the first step are equal, and later ones alike."""
    on_gpu = finetune(precision="fp32")
    (tmp_path / "out/summary.json").unlink()
    on_cpu = finetune("cpu", precision="fp32")
    assert on_gpu.eval_loss[0] == pytest.approx(on_cpu.eval_loss[0], abs=1e-4)
    assert on_gpu.eval_loss.iloc[-1] == pytest.approx(on_cpu.eval_loss.iloc[-1], rel=0.1)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_killed_it_goes_on_from_the_last_save(finetune, tmp_path, monkeypatch, capsys, precision):
    undisturbed = finetune(precision=precision)
    (tmp_path / "out/summary.json").unlink()
    real = loop.train_step

    def dying(trainer, batches, step):
        if step == 15:
            raise KeyboardInterrupt
        return real(trainer, batches, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", dying)
        with pytest.raises(KeyboardInterrupt):
            finetune(precision=precision)
    resumed = finetune(precision=precision)
    assert "going on from step 12" in capsys.readouterr().err
    assert resumed.step.tolist() == undisturbed.step.tolist()
    assert resumed.eval_loss.iloc[-1] == pytest.approx(undisturbed.eval_loss.iloc[-1], rel=0.02)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_host_never_waits_within_a_step(finetune, monkeypatch, precision):
    real = loop.train_step

    def watched(trainer, batches, step):
        if step < 3:  # the first steps allocate what later ones reuse
            return real(trainer, batches, step)
        torch.cuda.set_sync_debug_mode("error")
        try:
            return real(trainer, batches, step)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(loop, "train_step", watched)
    assert len(finetune(precision=precision, max_steps=6)) == 2


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_state(finetune, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "learning_rate", lambda step, _: 1e-3 if step < 9 else 1e30)
    with pytest.raises(UserError, match=r"not finite; lower finetune\.lr"):
        finetune(precision="bf16")
    (latest,) = (tmp_path / "out").glob("state-*/latest.pth")
    state = checkpoints.load(latest)
    assert state["progress"]["step"] == 6 and all(value.isfinite().all() for value in state["gpt"].values())


def test_out_of_memory_names_the_keys_to_change(finetune):
    torch.cuda.empty_cache()
    room = torch.cuda.memory_allocated() + 300 * 2**20
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    try:
        with pytest.raises(UserError, match=r"Lower finetune\.batch_size \(now 512\)"):
            finetune(precision="fp32", batch_size=512)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
