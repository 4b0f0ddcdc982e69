"""A small model with made clips, and trainings of it that can be killed at a chosen moment."""

import copy
from itertools import count
from pathlib import Path

import pytest
import torch
from made_clips import write_manifest
from xtts_cloning.model import checkpoints, loading
from xtts_cloning.training import batches, features, finetuning, loop, state
from xtts_cloning.training.loop import Trainer

CPU = torch.device("cpu")
SETTINGS = {"max_steps": 12, "batch_size": 2, "grad_accum": 2, "precision": "fp32"}
SETTINGS |= {"eval_interval": 3, "save_interval": 4, "lr": 1.0e-3, "warmup_steps": 2, "lr_final_fraction": 0.1}
SETTINGS |= {"weight_decay": 0.01, "grad_clip": 1.0, "early_stopping_evals": 0, "gradient_checkpointing": False}
TRAIN_SECONDS, EVAL_SECONDS = [0.6, 0.8, 1.0, 1.2, 1.5, 0.7], [0.9, 0.6, 1.1]


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches SIGKILL."""


class Case:
    """A small model with its clips, and trainings of it."""

    def __init__(self, standin: Path, folder: Path):
        self.standin = standin
        self.train_manifest = write_manifest(folder / "mdata_train.csv", TRAIN_SECONDS, seed=1)
        self.eval_manifest = write_manifest(folder / "mdata_eval.csv", EVAL_SECONDS, seed=2)
        self.model = loading.read(standin)
        self.stats = checkpoints.load(standin / "mel_stats.pth")
        manifests = [self.train_manifest, self.eval_manifest]
        self.clips, self.eval_clips = finetuning.read_all(self.model, standin, self.stats, "en", manifests, CPU)
        self.tokens = batches.special_tokens(self.model.gpt)

    def trainer(self, precision: str = "fp32", **changes) -> Trainer:
        mel = features.prompt_mel(self.stats)
        return Trainer(copy.deepcopy(self.model.gpt), mel, {**SETTINGS, **changes}, 5, CPU, precision)

    def train(self, folder: Path, trainer: Trainer | None = None) -> tuple[state.Progress, dict]:
        """What is left to train from the state in `folder`; the progress and the last weights."""
        trainer = trainer or self.trainer()
        state.prepare(folder)
        steps = batches.TrainingBatches(self.clips, self.tokens, trainer.settings["batch_size"], trainer.seed)
        evaluation = batches.evaluation_batches(self.eval_clips, self.tokens, 2)
        progress = loop.train(trainer, steps, evaluation, folder, folder / "events")
        return progress, trainer.gpt.state_dict()


def killed_at(monkeypatch, owner: object, name: str, call: int) -> None:
    """Let call number `call` of the function do half of what it does, and then die."""
    real, calls = getattr(owner, name), count(1)

    def dying(*arguments, **options):
        if next(calls) == call:
            if name == "save":  # torch.save: leave half a file
                arguments[1].write(b"PK half of it")
            raise Killed
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, dying)


def shorten_prompts(patch: pytest.MonkeyPatch) -> None:
    """Half a second instead of 3 to 6: the conditioning encoder takes most of a small model's time."""
    patch.setattr(batches, "SHORTEST_PROMPT", 6_000)
    patch.setattr(batches, "LONGEST_PROMPT", 12_000)
