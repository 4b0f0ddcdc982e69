"""Train the demo's GPT from random weights on the corpus; a run that was stopped goes on from its last state."""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from xtts_cloning import errors, files
from xtts_cloning.demo import codebook, lessons, muon, network, tokens
from xtts_cloning.model.library import VoiceBpeTokenizer
from xtts_cloning.synthetic import corpus, sentences

MUON_LR, ADAM_LR = 0.02, 3e-3
INNER = ("gpt.", "conditioning_perceiver.layers.")
WARMUP_STEPS = 150
SAVE_STEPS, SHOW_STEPS, EVALUATION_STEPS = 250, 50, 250


def rate(step: int, steps: int) -> float:
    """Factor of the learning rates: up, constant, and down to nothing over the last 45 %."""
    return min(1.0, (step + 1) / WARMUP_STEPS, max(0.0, (steps - step) / (0.45 * steps)))


def optimizers(gpt: torch.nn.Module, teacher: torch.nn.Module) -> list[torch.optim.Optimizer]:
    named = [(name, weight) for name, weight in gpt.named_parameters() if weight.requires_grad]
    inner = [weight for name, weight in named if weight.ndim == 2 and name.startswith(INNER)]
    known = {id(weight) for weight in inner}
    others = [weight for _, weight in named if id(weight) not in known] + list(teacher.parameters())
    adam = torch.optim.AdamW(others, ADAM_LR, betas=(0.9, 0.97), weight_decay=0.01, foreach=True)
    return [muon.Muon(inner, MUON_LR), adam]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True, type=Path, help="folder of shards; new ones join at each epoch")
    parser.add_argument("--evaluation", required=True, type=Path, help="a shard of other speakers")
    parser.add_argument("--codebook", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path, help="folder for state.pt, vocab.json and log.jsonl")
    parser.add_argument("--steps", required=True, type=int)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--threads", required=True, type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "vocab.json").write_text(tokens.train(sentences.WORDS).to_str(pretty=True), encoding="utf-8")
    tokenizer = VoiceBpeTokenizer(str(arguments.output / "vocab.json"))
    book = codebook.Codebook(**load_file(arguments.codebook))

    gpt, teacher = network.build(tokenizer, arguments.seed)
    opts = optimizers(gpt, teacher)
    step, state_path = 0, arguments.output / "state.pt"
    if state_path.exists():
        state = torch.load(state_path)
        gpt.load_state_dict(state["gpt"])
        teacher.load_state_dict(state["teacher"])
        for optimizer, saved in zip(opts, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step = state["step"]
    for optimizer in opts:
        for group in optimizer.param_groups:
            group["full_lr"] = group["lr"] = MUON_LR if isinstance(optimizer, muon.Muon) else ADAM_LR

    held_out = lessons.Lessons(tokenizer, book)
    held_out.add(corpus.load(arguments.evaluation))
    generator = random.Random(arguments.seed)
    evaluation = [held_out.batch(chosen, generator, wrong=0.0) for chosen in held_out.epoch(generator)[:6]]
    learned, loaded = lessons.Lessons(tokenizer, book), set()
    sums, counted, start, waiting = {}, 0, time.perf_counter(), []
    generator = random.Random(files.keyed_seed(arguments.seed, "lessons", step))
    while step < arguments.steps:
        if not waiting:
            for path in sorted(set(arguments.corpus.glob("*.npz")) - loaded):
                clips = corpus.load(path)
                for clip in clips:
                    clip.samples = clip.samples[:0].copy()
                learned.add(clips)
                loaded.add(path)
            waiting = learned.epoch(generator)
            print(f"{len(learned.clips)} utterances, {len(waiting)} batches", flush=True)
        found = network.losses(gpt, teacher, learned.batch(waiting.pop(), generator))
        sum(network.WEIGHTS[name] * loss for name, loss in found.items()).backward()
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        for optimizer in opts:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * rate(step, arguments.steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, counted = step + 1, counted + 1
        sums = {name: sums.get(name, 0.0) + loss.item() for name, loss in found.items()}
        if step % SHOW_STEPS == 0:
            row = {"step": step, "seconds": round(time.perf_counter() - start)}
            row |= {name: round(total / counted, 3) for name, total in sums.items()}
            if step % EVALUATION_STEPS == 0:
                with torch.no_grad():
                    rows = [network.losses(gpt, teacher, batch) for batch in evaluation]
                for name in network.WEIGHTS:
                    row[f"held_out_{name}"] = round(sum(float(found[name]) for found in rows) / len(rows), 3)
            print(json.dumps(row), flush=True)
            sums, counted = {}, 0
        if step % SAVE_STEPS == 0 or step == arguments.steps:
            state = {"gpt": gpt.state_dict(), "teacher": teacher.state_dict(), "step": step}
            with files.atomic_path(state_path) as path:
                torch.save(state | {"optimizers": [optimizer.state_dict() for optimizer in opts]}, path)


if __name__ == "__main__":
    errors.main(main)
