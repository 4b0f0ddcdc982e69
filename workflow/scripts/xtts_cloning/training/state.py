"""What a killed training goes on from: a folder named by everything that shapes the weights.

latest.pth holds the weights, the optimizer and the progress of the last save; best-<step>.pth the weights with the
best evaluation loss up to it. Neither sampler nor random state is needed: every step draws from its own number.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from xtts_cloning import files
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints

# Keys of the config's finetune part that may be changed to get a killed training going again. Every other key shapes
# the weights or says which of them are the best.
SHAPING_NOTHING = {"gradient_checkpointing", "save_interval"}


@dataclass
class Progress:
    """How far a training has come and what it has seen; losses are of evaluations."""

    step: int = 0
    history: list[list] = field(default_factory=list)  # rows step, train_loss, eval_loss, lr; None where there is none
    zero_shot_loss: float | None = None
    best_step: int | None = None
    best_loss: float | None = None
    evaluations_since_best: int = 0
    stopped_early: bool = False
    losses: list[float] = field(default_factory=list)  # of the steps since the last row of the history
    precisions: list[list] = field(default_factory=list)  # rows first step, precision: another device may go on
    seconds: float = 0.0  # of optimizer steps, without evaluations and saves
    evaluation_seconds: float = 0.0  # of evaluations between steps, with keeping the best weights

    def note_precision(self, precision: str) -> None:
        """What the steps from the next one on are computed in."""
        if not self.precisions or self.precisions[-1][1] != precision:
            self.precisions.append([self.step + 1, precision])


def identity(settings: dict, inputs: list[Path]) -> str:
    """A hash of what shapes the weights, settings and the inputs' contents: other ones never meet these weights.

    Device and threads are not in it. Another device or number of threads rounds otherwise, as a GPU does from one run
    to the next; what is trained is the same, so a training may go on elsewhere.
    """
    shaping = {key: value for key, value in settings["finetune"].items() if key not in SHAPING_NOTHING}
    shaping |= {key: settings[key] for key in ("language", "seed")}
    digest = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode())
    for path in inputs:
        digest.update(files.sha256(path).encode())
    return digest.hexdigest()[:12]


def prepare(folder: Path) -> None:
    """Make the folder, and remove what a killed process was writing in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob(".*.partial"):
        partial.unlink()


def save(folder: Path, progress: Progress, gpt: torch.nn.Module, optimizer: Any, scaler: Any) -> None:
    state = {"gpt": gpt.state_dict(), "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict()}
    write({"progress": asdict(progress), **state}, folder / "latest.pth")


def restore(folder: Path, gpt: torch.nn.Module, optimizer: Any, scaler: Any) -> Progress:
    """Put the last save's state into the three, and give its progress; a new Progress where nothing was saved."""
    path = folder / "latest.pth"
    if not path.exists():
        return Progress()
    state = checkpoints.load(path)
    gpt.load_state_dict(state["gpt"])
    for saved, own in zip(state["optimizer"]["param_groups"], optimizer.param_groups, strict=True):
        saved["fused"] = own["fused"]  # a GPU's kernel; a CPU has none, and may go on with what a GPU saved
    optimizer.load_state_dict(state["optimizer"])
    if state["scaler"]:  # empty unless it was saved in fp16
        scaler.load_state_dict(state["scaler"])
    return Progress(**state["progress"])


class BestWeights:
    """The weights with the best evaluation loss, in the computer's memory until a save writes them."""

    def __init__(self, folder: Path):
        self.folder, self.step, self.weights = folder, None, {}

    def take(self, step: int, gpt: torch.nn.Module) -> None:
        """Copy the weights of this step; a GPU goes on before they have arrived."""
        source, self.step = gpt.state_dict(), step
        if not self.weights:
            self.weights = {
                name: torch.empty_like(value, device="cpu", pin_memory=value.is_cuda) for name, value in source.items()
            }
        for name, value in source.items():
            self.weights[name].copy_(value, non_blocking=True)

    def write(self) -> None:
        """Write what was taken since the last call, if anything was."""
        if self.step is None:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the copies have arrived
        write(self.weights, best_path(self.folder, self.step))
        self.step = None


def load_best(folder: Path, progress: Progress) -> dict[str, torch.Tensor]:
    return checkpoints.load(best_path(folder, progress.best_step))


def keep_only_best(folder: Path, *steps: int | None) -> None:
    """Remove the best weights of all other steps: superseded ones, and those of steps that a resume takes again."""
    kept = {best_path(folder, step).name for step in steps if step is not None}
    for path in folder.glob("best-*.pth"):
        if path.name not in kept:
            path.unlink()


def best_path(folder: Path, step: int) -> Path:
    return folder / f"best-{step}.pth"


def write(content: Any, path: Path) -> None:
    """torch.save, beside and renamed. The same content gives the same bytes, whatever the file is called."""
    try:
        # torch names the archive inside after the path that it is given, hence the open file
        with files.atomic_path(path) as partial, open(partial, "wb") as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:
        free = shutil.disk_usage(path.parent).free / 1e9
        raise UserError(
            f"{path} could not be written ({error}); {free:.1f} GB are free there. "
            "Make room and run the same command again: it goes on from the last save."
        ) from error
