"""The fine-tuning loop: counted in optimizer steps, resumable at any moment, with the host waiting only to log.

Frozen are the DVAE and everything else but the GPT. Weights and optimizer state are float32; with bf16 and fp16 the
forward pass runs under autocast.
"""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from xtts_cloning import files
from xtts_cloning.errors import UserError
from xtts_cloning.model.library import GPT, TorchMelSpectrogram
from xtts_cloning.training import state
from xtts_cloning.training.batches import IGNORED, Batch, TrainingBatches
from xtts_cloning.training.losses import TEXT_WEIGHT, checkpoint_encoder, losses
from xtts_cloning.training.optimization import adamw, learning_rate
from xtts_cloning.training.state import BestWeights, Progress

LOG_INTERVAL = 10  # steps between rows of the history
COLUMNS = ["step", "train_loss", "eval_loss", "lr"]
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}  # fp32 runs without
SMALLEST_SCALE = 1.0  # fp16 losses are scaled by 65,536 at first; 17 overflowing steps in a row come below this


@dataclass
class Trainer:
    """What a step needs, made once."""

    gpt: GPT
    mel: TorchMelSpectrogram  # of the prompts
    settings: dict  # the config's finetune part
    seed: int
    device: torch.device
    precision: str

    def __post_init__(self):
        self.optimizer = adamw(self.gpt, self.settings, self.device)
        self.scaler = torch.cuda.amp.GradScaler(enabled=self.precision == "fp16")
        if self.settings["gradient_checkpointing"]:
            self.gpt.gpt.config.use_cache = False  # of no use here, and transformers warns
            self.gpt.gpt.gradient_checkpointing_enable({"use_reentrant": False})
            checkpoint_encoder(self.gpt)


def choose_precision(asked: str, device: torch.device) -> str:
    """fp32, bf16 or fp16; auto is bf16 on a GPU that has it, fp16 on another, fp32 on a CPU."""
    if asked == "fp16" and device.type == "cpu":
        raise UserError("finetune.precision is fp16, which needs a GPU; on a CPU use fp32, bf16 or auto")
    if asked != "auto":
        return asked
    if device.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


@contextmanager
def out_of_memory_explained(settings: dict, precision: str) -> Iterator[None]:
    """Turn a GPU's lack of memory into a UserError that says which keys of the config's finetune part to change."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise UserError(f"the GPU ran out of memory: {error}\n{_less_memory(settings, precision)}") from None


def _less_memory(settings: dict, precision: str) -> str:
    """What there is still to change, and nothing that is so already."""
    advice = []
    if not settings["gradient_checkpointing"]:
        advice.append("Set finetune.gradient_checkpointing: true, which takes far less.")
    if precision == "fp32":
        advice.append("Set finetune.precision: bf16 or fp16, which take less than fp32.")
    if settings["batch_size"] > 1:
        advice.append(
            f"Lower finetune.batch_size (now {settings['batch_size']}) and raise finetune.grad_accum "
            f"(now {settings['grad_accum']}) so that their product stays the same."
        )
    advice.append("Stop what else runs on the GPU (nvidia-smi lists it), or take a larger one.")
    return "\n".join(advice)


def train(trainer: Trainer, clips: TrainingBatches, evaluation: list[Batch], folder: Path, events: Path) -> Progress:
    """Train to max_steps or an early stop, from the last save in `folder`; the best weights lie there afterwards.

    `events` is the TensorBoard folder. A loss or weights that are not finite raise a UserError.
    """
    settings = trainer.settings
    progress = state.restore(folder, trainer.gpt, trainer.optimizer, trainer.scaler)
    saved_best = progress.best_step
    state.keep_only_best(folder, saved_best)
    best = state.BestWeights(folder)
    writer = SummaryWriter(str(events), purge_step=progress.step + 1)
    if progress.step == 0:
        progress.zero_shot_loss = evaluate(trainer, evaluation)
        _record(progress, writer, None, progress.zero_shot_loss, None)
    else:
        print(f"going on from step {progress.step}, saved in {folder}", file=sys.stderr)
    progress.note_precision(trainer.precision)

    batches = _batches(trainer, clips, progress.step)
    pending: list[Tensor] = []  # losses of the steps since the host last waited, on the device
    bar = tqdm(total=settings["max_steps"], initial=progress.step, unit="step", mininterval=2, desc="fine-tuning")
    started = time.perf_counter()
    while progress.step < settings["max_steps"] and not progress.stopped_early:
        progress.step += 1
        pending.append(train_step(trainer, batches, progress.step))
        bar.update()
        evaluating = progress.step == settings["max_steps"] or progress.step % settings["eval_interval"] == 0
        logging = evaluating or progress.step % LOG_INTERVAL == 0
        saving = progress.step % settings["save_interval"] == 0
        if not (logging or saving):
            continue
        progress.losses += _finite_losses(pending, progress.step, trainer.scaler, folder)
        progress.seconds += time.perf_counter() - started
        eval_loss = _timed_evaluation(trainer, evaluation, progress, best) if evaluating else None
        if (evaluating and not math.isfinite(eval_loss)) or (saving and not _weights_are_finite(trainer.gpt)):
            raise _diverged(f"the weights after step {progress.step} are not finite", folder)
        if logging:
            train_loss = math.fsum(progress.losses) / len(progress.losses)
            progress.losses.clear()
            _record(progress, writer, train_loss, eval_loss, learning_rate(progress.step, settings))
            _write_history(progress, folder / "history.csv")
            bar.set_postfix(loss=train_loss, best=progress.best_loss, refresh=False)
        if saving:
            best.write()
            state.save(folder, progress, trainer.gpt, trainer.optimizer, trainer.scaler)
            saved_best = progress.best_step
            state.keep_only_best(folder, saved_best)
        started = time.perf_counter()
    best.write()
    state.keep_only_best(folder, saved_best, progress.best_step)
    bar.close()
    writer.close()
    return progress


def _batches(trainer: Trainer, clips: TrainingBatches, done: int) -> Iterator[Batch]:
    """The batches of all steps after `done`; in each place the same batch. For a GPU they lie in pinned memory."""
    accumulated = trainer.settings["grad_accum"]
    for index in range(done * accumulated, trainer.settings["max_steps"] * accumulated):
        batch = clips[index]
        yield Batch(*(tensor.pin_memory() for tensor in batch)) if trainer.device.type == "cuda" else batch


def _timed_evaluation(trainer: Trainer, evaluation: list[Batch], progress: Progress, best: BestWeights) -> float:
    """The evaluation loss; the weights are kept where it is the best so far."""
    started = time.perf_counter()
    loss = evaluate(trainer, evaluation)
    if math.isfinite(loss) and _is_best(progress, loss, trainer.settings["early_stopping_evals"]):
        best.take(progress.step, trainer.gpt)
    progress.evaluation_seconds += time.perf_counter() - started
    return loss


def train_step(trainer: Trainer, batches: Iterator[Batch], step: int) -> Tensor:
    """One optimizer step on the next grad_accum batches; the mean of their losses, still on the device."""
    # dropout draws from the step's own seed, so that a resumed training draws what an undisturbed one does
    torch.manual_seed(files.keyed_seed(trainer.seed, "step", step))
    for group in trainer.optimizer.param_groups:
        group["lr"] = learning_rate(step, trainer.settings)
    trainer.gpt.train()
    total = torch.zeros((), device=trainer.device)
    for _ in range(trainer.settings["grad_accum"]):
        text_loss, audio_loss = _losses(trainer, _moved(next(batches), trainer.device))
        loss = (TEXT_WEIGHT * text_loss + audio_loss) / trainer.settings["grad_accum"]
        trainer.scaler.scale(loss).backward()
        total += loss.detach()
    if trainer.settings["grad_clip"]:
        trainer.scaler.unscale_(trainer.optimizer)
        torch.nn.utils.clip_grad_norm_(trainer.gpt.parameters(), trainer.settings["grad_clip"])
    trainer.scaler.step(trainer.optimizer)
    trainer.scaler.update()
    trainer.optimizer.zero_grad()
    return total


@torch.no_grad()
def evaluate(trainer: Trainer, batches: list[Batch]) -> float:
    """The loss over all tokens of the batches, without dropout; GPTTrainer.eval_step, however the clips are batched."""
    trainer.gpt.eval()
    sums = torch.zeros(2, device=trainer.device, dtype=torch.float64)
    for batch in batches:
        sums += torch.stack(_losses(trainer, _moved(batch, trainer.device))) * _counted(batch).to(trainer.device)
    text_loss, audio_loss = (sums.cpu() / sum(map(_counted, batches))).tolist()
    return TEXT_WEIGHT * text_loss + audio_loss


def _losses(trainer: Trainer, batch: Batch) -> tuple[Tensor, Tensor]:
    mels = trainer.mel(batch.prompts)
    dtype = AUTOCAST.get(trainer.precision)
    with torch.autocast(trainer.device.type, dtype, enabled=dtype is not None):
        return losses(trainer.gpt, batch, mels)


def _moved(batch: Batch, device: torch.device) -> Batch:
    return Batch(*(tensor.to(device, non_blocking=True) for tensor in batch))


def _counted(batch: Batch) -> Tensor:
    """How many text tokens and audio codes count in the loss: float [2]."""
    return torch.stack([(targets != IGNORED).sum() for targets in (batch.text_targets, batch.audio_targets)]).double()


def _finite_losses(pending: list[Tensor], step: int, scaler: torch.cuda.amp.GradScaler, folder: Path) -> list[float]:
    """The losses of the last steps, which it takes out of `pending`; here the host waits for the device."""
    values = torch.stack(pending).tolist()
    pending.clear()
    for number, value in enumerate(values, start=step - len(values) + 1):
        if not math.isfinite(value):
            raise _diverged(f"the loss of step {number} is not finite", folder)
    if scaler.is_enabled() and scaler.get_scale() < SMALLEST_SCALE:
        raise _diverged(f"by step {step} gradients overflow in fp16, however little they are scaled", folder)
    return values


def _diverged(what: str, folder: Path) -> UserError:
    return UserError(
        f"{what}; lower finetune.lr, raise finetune.warmup_steps or set finetune.precision to bf16 or fp32. "
        f"The last good state stays in {folder}."
    )


def _weights_are_finite(gpt: GPT) -> bool:
    return bool(torch.stack([parameter.isfinite().all() for parameter in gpt.parameters()]).all())


def _record(progress: Progress, writer: SummaryWriter, train_loss, eval_loss, lr) -> None:
    """A row of the history, and the same to TensorBoard."""
    rounded = [value if value is None else round(value, 6) for value in (train_loss, eval_loss)]
    progress.history.append([progress.step, *rounded, lr])
    for name, value in zip(COLUMNS[1:], progress.history[-1][1:], strict=True):
        if value is not None:
            writer.add_scalar(name, value, progress.step)


def _is_best(progress: Progress, eval_loss: float, patience: int) -> bool:
    """Whether this is the best trained step so far; sets stopped_early after `patience` evaluations that were not."""
    if progress.best_loss is None or eval_loss < progress.best_loss:
        progress.best_step, progress.best_loss, progress.evaluations_since_best = progress.step, eval_loss, 0
        return True
    progress.evaluations_since_best += 1
    progress.stopped_early = 0 < patience <= progress.evaluations_since_best
    return False


def _write_history(progress: Progress, path: Path) -> None:
    with files.atomic_path(path) as partial:
        pd.DataFrame(progress.history, columns=COLUMNS).to_csv(partial, index=False)
