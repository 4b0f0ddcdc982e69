"""Fine-tuning from end to end: read and check the inputs, train, export the best trained step for inference."""

import json
import resource
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import torch

from xtts_cloning import compute, files, machine, products
from xtts_cloning.data import metadata
from xtts_cloning.model import attention, checkpoints, loading
from xtts_cloning.training import features, state
from xtts_cloning.training.batches import Clip, TrainingBatches, evaluation_batches, read_clips, special_tokens
from xtts_cloning.training.loop import Trainer, choose_precision, out_of_memory_explained, train
from xtts_cloning.training.losses import fuse
from xtts_cloning.training.state import Progress

MODEL_FILES = ("model.pth", "config.json", "vocab.json", "dvae.pth", "mel_stats.pth")


def finetune(settings: dict, model_folder: Path, train_manifest: Path, eval_manifest: Path, output: Path) -> None:
    """Write model.pth, config.json, vocab.json, history.csv, summary.json, timing.json and tensorboard/ to `output`.

    While it trains, what a resume needs lies in output/state-<hash>/; afterwards that folder is removed. State folders
    of other settings stay: they may be what somebody wants to go on with.
    """
    started = time.perf_counter()
    device = compute.prepare(settings["compute"])
    if device.type == "cpu":
        compute.keep_freed_memory()
    precision = choose_precision(settings["finetune"]["precision"], device)
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32: the audio codes are the CPU's
    # cuDNN's fastest backward passes of the conditioning encoder's convolutions add in whatever order threads finish
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    with files.exclusive(output):
        inputs = _inputs(model_folder, train_manifest, eval_manifest)
        identity = state.identity(settings, inputs)
        if _is_done(output, identity):
            print(f"{output} holds the result of these very settings and inputs already", file=sys.stderr)
            return
        state_folder = output / f"state-{identity}"
        state.prepare(state_folder)
        _tell_other_states(output, state_folder)

        model = loading.read(model_folder)
        mel_stats = checkpoints.load(model_folder / "mel_stats.pth").to(device)
        manifests = [train_manifest, eval_manifest]
        events = output / "tensorboard"
        if not (state_folder / "latest.pth").exists():
            for left in events.glob("events.out.tfevents.*"):  # of an earlier training
                left.unlink()
        with out_of_memory_explained(settings["finetune"], precision):
            clips = read_all(model, model_folder, mel_stats, settings["language"], manifests, device)
            progress = _train(model, mel_stats, settings, *clips, device, precision, state_folder, events)

        model.cpu().gpt.load_state_dict(state.load_best(state_folder, progress))
        _export(model, model_folder, output)
        with products.file(output / "history.csv") as path:
            shutil.copyfile(state_folder / "history.csv", path)
        _write_json(_timing(progress, settings["finetune"], device, started), output / "timing.json")
        _write_json(_summary(progress, identity, *clips), output / "summary.json")
        shutil.rmtree(state_folder)
    _tell_outcome(progress)


def _inputs(model_folder: Path, *manifests: Path) -> list[Path]:
    """Every file that shapes the weights."""
    wavs = [manifest.parent / name for manifest in manifests for name in metadata.read_mdata(manifest).audio_file]
    return [model_folder / name for name in MODEL_FILES] + list(manifests) + wavs


def _is_done(output: Path, identity: str) -> bool:
    """Whether a process that outlived its workflow has finished this very training while we waited for it."""
    summary = output / "summary.json"
    return summary.exists() and json.loads(summary.read_text(encoding="utf-8"))["identity"] == identity


def _tell_other_states(output: Path, own: Path) -> None:
    for folder in sorted(output.glob("state-*")):
        if folder != own:
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e9
            print(
                f"note: {folder} ({size:.1f} GB) is of other settings or inputs; remove it if unneeded", file=sys.stderr
            )


def read_all(model, model_folder, mel_stats, language, manifests, device) -> list[list[Clip]]:
    """The clips of each manifest, with the audio codes that the frozen DVAE gives them."""
    dvae = features.load_dvae(model_folder / "dvae.pth", model.args.gpt_num_audio_tokens - 2).to(device)
    encode = partial(features.audio_codes, dvae=dvae, mel=features.code_mel(mel_stats).to(device))
    return [read_clips(manifest, model.tokenizer, language, encode) for manifest in manifests]


def _train(model, mel_stats, settings, train_clips, eval_clips, device, precision, state_folder, events) -> Progress:
    gpt = model.gpt.to(device)
    fuse(gpt)
    tokens = special_tokens(gpt)
    batch_size = settings["finetune"]["batch_size"]
    mel = features.prompt_mel(mel_stats).to(device)
    trainer = Trainer(gpt, mel, settings["finetune"], settings["seed"], device, precision)
    batches = TrainingBatches(train_clips, tokens, batch_size, settings["seed"])
    return train(trainer, batches, evaluation_batches(eval_clips, tokens, batch_size), state_folder, events)


def _export(model: loading.Model, source: Path, output: Path) -> None:
    """The hub's layout without what only training needs; the library's Xtts.load_checkpoint reads it strictly."""
    with products.file(output / "model.pth") as path:
        state.write({"model": dict(model.state_dict()), "config": model.config}, path)
    for name in ("config.json", "vocab.json"):
        with products.file(output / name) as path:
            shutil.copyfile(source / name, path)


def _summary(progress: Progress, identity: str, train_clips: list, eval_clips: list) -> dict:
    """What settings and inputs determine."""
    (_, precision), *later = progress.precisions
    precision += "".join(f", {other} from step {step}" for step, other in later)
    return {
        "identity": identity,
        "steps": progress.step,
        "stopped_early": progress.stopped_early,
        "zero_shot_eval_loss": round(progress.zero_shot_loss, 6),
        "best_step": progress.best_step,
        "best_eval_loss": round(progress.best_loss, 6),
        "improved": progress.best_loss < progress.zero_shot_loss,
        "precision": precision,
        "clips": {"train": len(train_clips), "eval": len(eval_clips)},
    }


def _timing(progress: Progress, settings: dict, device: torch.device, started: float) -> dict:
    """What the clock determines; the steps' speed leaves out evaluations and saves, and counts resumed parts.

    evaluation_share is the time of evaluations as a fraction of the time of steps.
    """
    gpu = device.type == "cuda"
    steps_per_second = progress.step / progress.seconds
    return {
        "device": device.type,
        "gpu": torch.cuda.get_device_name() if gpu else None,
        "driver": machine.driver() if gpu else None,
        "wall_seconds": round(time.perf_counter() - started, 2),
        "steps_per_second": round(steps_per_second, 4),
        "clips_per_second": round(steps_per_second * settings["batch_size"] * settings["grad_accum"], 4),
        "attention": attention.record(device),
        "evaluation_share": round(progress.evaluation_seconds / progress.seconds, 4),
        "peak_gpu_bytes": torch.cuda.max_memory_allocated() if gpu else None,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _write_json(content: dict, path: Path) -> None:
    with products.file(path) as partial_path:
        partial_path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _tell_outcome(progress: Progress) -> None:
    before, after = progress.zero_shot_loss, progress.best_loss
    print(f"evaluation loss {before:.4f} before, {after:.4f} at step {progress.best_step}, exported", file=sys.stderr)
    if after >= before:
        print(
            "WARNING: no trained step is better than the model before fine-tuning. The best trained step is exported "
            "all the same; expect no better speech than zero-shot. Check the transcripts, lower finetune.lr or train "
            "longer.",
            file=sys.stderr,
        )
