"""The fine-tuning script as the workflow runs it: killed for good, started again; help and errors."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_clips import write_manifest
from scripts import SCRIPTS, run_script
from xtts_cloning import files

SETTINGS = {"language": "en", "seed": 5, "compute": {"device": "cpu", "threads": 1}}
SETTINGS["finetune"] = {
    "max_steps": 12,
    "batch_size": 2,
    "grad_accum": 1,
    "gradient_checkpointing": False,
}
SETTINGS["finetune"] |= {"precision": "fp32", "eval_interval": 3, "save_interval": 2, "lr": 1.0e-3, "warmup_steps": 0}
SETTINGS["finetune"] |= {"lr_final_fraction": 1.0, "weight_decay": 0.01, "grad_clip": 1.0, "early_stopping_evals": 0}


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("data")
    train = write_manifest(folder / "mdata_train.csv", [0.6, 0.8, 1.0, 1.2, 0.7], seed=1)
    return [train, write_manifest(folder / "mdata_eval.csv", [0.9, 0.6], seed=2)]


def arguments(standin: Path, manifests: list[Path], output: Path, **changes) -> list[object]:
    settings = json.dumps({**SETTINGS, "finetune": {**SETTINGS["finetune"], **changes}})
    inputs = ["--settings", settings, "--model", standin, "--train", manifests[0], "--eval", manifests[1]]
    return [*inputs, "--output", output]


def saving(output: Path) -> bool:
    """The moment between opening a file of the state and renaming it."""
    return any(output.glob("state-*/.latest.pth.*.partial"))


def two_saves(output: Path) -> bool:
    return any("\n6," in path.read_text() for path in output.glob("state-*/history.csv"))


def kill_when(moment: Callable[[Path], bool], output: Path, command: list[str]) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not moment(output):
        assert process.poll() is None, f"ended too early:\n{process.stderr.read()}"
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (output / "summary.json").exists()


def test_killed_twice_it_ends_as_if_undisturbed(standin, manifests, tmp_path):
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    command = [sys.executable, str(SCRIPTS / "finetune.py"), *map(str, arguments(standin, manifests, disturbed))]
    kill_when(saving, disturbed, command)
    kill_when(two_saves, disturbed, command)
    told = run_script("finetune.py", *arguments(standin, manifests, disturbed, save_interval=3)).stderr
    assert "going on from step" in told
    run_script("finetune.py", *arguments(standin, manifests, undisturbed))
    for name in ("model.pth", "history.csv", "config.json", "vocab.json", "summary.json"):
        assert files.sha256(disturbed / name) == files.sha256(undisturbed / name), name
    assert not list(disturbed.glob("state-*"))


def test_help_needs_nothing():
    assert "goes on from the last save" in " ".join(run_script("finetune.py", "--help").stdout.split())


def test_fp16_on_a_cpu_is_refused_in_one_line(standin, manifests, tmp_path):
    done = run_script("finetune.py", *arguments(standin, manifests, tmp_path / "out", precision="fp16"), check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "finetune.precision is fp16" in line and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
