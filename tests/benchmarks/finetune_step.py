"""One fine-tuning step of a full-size model against the step of TTS's GPTTrainer: same weights, same real clips.

A step is everything that an optimizer step needs: the library makes the audio codes anew each time, here they are made
once. Each variant runs in a process of its own, in turn and more than once; medians of all steps are compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow" / "scripts")]
from hardware import processor  # noqa: E402

FULL_SIZE = {"gpt_layers": 30, "gpt_n_model_channels": 1024, "gpt_n_heads": 16, "decoder_input_dim": 1024}
COMPARED = ["library fp32", "ours fp32", "ours bf16"]
VARIANTS = [*COMPARED, "ours fp32 checkpointed", "ours bf16 checkpointed"]
SETTINGS = {
    "grad_accum": 1,
    "gradient_checkpointing": False,
    "max_steps": 100,
    "warmup_steps": 0,
    "lr_final_fraction": 1.0,
    "lr": 5.0e-6,
}
SETTINGS |= {"weight_decay": 0.01, "grad_clip": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="default: all of this processor's")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2, help="timed steps in each process, after one that is not")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each variant")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/finetune_step.json")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # the folder of a process of its own
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments)))
        return
    if "LJSPEECH_ARCHIVE" not in os.environ:
        sys.exit("error: set LJSPEECH_ARCHIVE to an LJSpeech archive, for real clips")
    with tempfile.TemporaryDirectory(prefix="finetune-benchmark-") as name:
        write_inputs(Path(name), arguments.batch_size)
        variants = arguments.variants or [variant for variant in COMPARED if "bf16" not in variant or has_bf16()]
        rounds = [{one: in_a_process(one, name, arguments) for one in variants} for _ in range(arguments.rounds)]
    results = {variant: medians([each[variant] for each in rounds]) for variant in variants}
    for result in results.values():
        if baseline := results.get("library fp32"):
            result["times_as_fast"] = round(baseline["wall_seconds"] / result["wall_seconds"], 2)
    context = {"device": processor(), "batch_size": arguments.batch_size, "threads": arguments.threads}
    context |= {"timed_steps": arguments.rounds * arguments.steps}
    text = json.dumps(context | results, indent=2)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text + "\n")
    print(text)


def medians(rounds: list[dict]) -> dict:
    """What the processes of one variant say together."""
    every = {kind: [value for each in rounds for value in each[kind]] for kind in ("wall_seconds", "cpu_seconds")}
    together = {kind: round(statistics.median(values), 2) for kind, values in every.items()}
    return together | {"peak_gigabytes": max(each["peak_gigabytes"] for each in rounds)}


def write_inputs(folder: Path, clips: int) -> None:
    """A full-size model with random weights, and a manifest of the archive's first clips."""
    import pandas as pd
    from xtts_cloning.data import archives, metadata
    from xtts_cloning.demo.standin import write_standin

    hub_files = os.environ.get("XTTS_HUB_FILES")  # the real tokenizer, if given: 6,681 tokens
    write_standin(folder, seed=1, vocab=hub_files and Path(hub_files, "vocab.json"), size=FULL_SIZE)
    (folder / "wavs").mkdir()
    wavs, texts = {}, None
    for member in archives.members(os.environ["LJSPEECH_ARCHIVE"]):
        if member.utterance is None:
            texts, _ = metadata.parse_ljspeech(member.read(), member.name)
        elif len(wavs) < clips:
            wavs[member.utterance] = f"wavs/{member.utterance}.wav"
            (folder / wavs[member.utterance]).write_bytes(member.read())
        if texts and len(wavs) == clips:
            break
    rows = [{"audio_file": wav, "text": texts[utterance], "speaker_name": "x"} for utterance, wav in wavs.items()]
    metadata.write_mdata(folder / "mdata.csv", pd.DataFrame(rows))


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 matrices; another does it many times slower than fp32."""
    import torch

    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def in_a_process(variant: str, folder: str, arguments: argparse.Namespace) -> dict:
    """What `measure` finds, of a batch of arguments.batch_size clips."""
    command = [sys.executable, __file__, "--variants", variant, "--measure", folder]
    for name in ("batch_size", "steps", "threads"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    print(variant, "with", arguments.batch_size, "clips", file=sys.stderr, flush=True)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def measure(folder: Path, arguments: argparse.Namespace) -> dict:
    """Wall and CPU seconds of each timed step, and the process's largest memory."""
    import resource

    import torch
    from xtts_cloning.model import loading
    from xtts_cloning.training.finetuning import read_all

    (variant,) = arguments.variants
    torch.set_num_threads(arguments.threads)
    model = loading.read(folder)
    stats = torch.load(folder / "mel_stats.pth")
    ((*clips,),) = read_all(model, folder, stats, "en", [folder / "mdata.csv"], torch.device("cpu"))
    make_step = library_step if variant.startswith("library") else our_step
    step = make_step(variant, folder, model, stats, clips[: arguments.batch_size])
    del model
    torch.set_num_threads(arguments.threads)  # the library's import sets one
    _, *timed = [timing(step, number) for number in range(1, arguments.steps + 2)]
    wall, cpu = zip(*timed, strict=True)
    return {
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
    }


def timing(step: Callable[[int], None], number: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    step(number)
    return time.perf_counter() - wall, time.process_time() - cpu


def our_step(variant: str, folder: Path, model, stats, clips: list) -> Callable[[int], None]:
    import torch
    from xtts_cloning import compute
    from xtts_cloning.training import batches, features, loop, losses

    compute.keep_freed_memory()
    losses.fuse(model.gpt)
    mel, device = features.prompt_mel(stats), torch.device("cpu")
    settings = SETTINGS | {"gradient_checkpointing": "checkpointed" in variant}
    trainer = loop.Trainer(model.gpt, mel, settings, 1, device, variant.split()[1])
    steps = batches.TrainingBatches(clips, batches.special_tokens(model.gpt), len(clips), seed=1)
    return lambda number: loop.train_step(trainer, iter([steps[number]]), number)


def library_step(variant: str, folder: Path, model, stats, clips: list) -> Callable[[int], None]:
    import random

    import torch
    from library_training import loaded_batch, make_trainer
    from xtts_cloning.training.batches import random_prompt

    trainer = make_trainer(folder, SETTINGS["lr"], SETTINGS["weight_decay"])
    gpt = trainer.xtts.gpt.train()
    optimizer = trainer.get_optimizer()

    def step(number: int) -> None:
        prompts = [random_prompt(len(clip.wav), random.Random(number)) for clip in clips]
        batch = trainer.format_batch_on_device(loaded_batch(clips, prompts))
        _, found = trainer.train_step(batch, None)
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), SETTINGS["grad_clip"])
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
