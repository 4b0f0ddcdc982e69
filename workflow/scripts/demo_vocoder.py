"""Train the demo's narrow vocoder: first on true mels, then, with --gpt, on the latents of the trained GPT.

The mels come first because they do not wait for the GPT: its latents tell them by a linear map, which the vocoder's
first convolution takes in.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn import functional as F
from xtts_cloning import errors, files
from xtts_cloning.demo import codebook, lessons, muon, narrow_vocoder, network
from xtts_cloning.demo.narrow_vocoder import NarrowVocoder, spectral_loss, stretched
from xtts_cloning.model.library import VoiceBpeTokenizer
from xtts_cloning.synthetic import corpus

FRAMES = 56  # of 256 samples, 0.6 s, in a row of a batch
EDGE = 5  # frames at each end that hear what lies outside, and do not count
HOP = 256
ROWS = 10
ADAM_SHARE = 0.05  # of AdamW's learning rate to Muon's
WRONG_CODES = 0.03  # share of codes that are others: what the GPT says itself is not without slips either
Item = tuple[torch.Tensor, torch.Tensor]  # rows [codes + 1, inputs] in half precision, samples int16 [n]


def mel_items(clips: list[corpus.Clip]) -> list[Item]:
    return [(torch.from_numpy(clip.mel[: clip.codes + 1]), torch.from_numpy(clip.samples)) for clip in clips]


@torch.no_grad()
def latent_items(clips: list[corpus.Clip], gpt: torch.nn.Module, lesson: lessons.Lessons, seed: int) -> list[Item]:
    generator, items = random.Random(seed), []
    lesson.add(clips)
    for chosen in lesson.epoch(generator):
        with torch.autocast("cpu", torch.bfloat16):
            latents = network.hidden(gpt, lesson.batch(chosen, generator, WRONG_CODES)).latents
        for row, index in zip(latents, chosen, strict=True):
            clip = lesson.clips[index]
            items.append((row[: clip.codes + 1].half(), torch.from_numpy(clip.samples)))
    return items


def window(item: Item, generator: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """[inputs, FRAMES] and samples of a random place; zeros beyond the ends, as the vocoder has them."""
    rows, samples = item
    frames = stretched(rows.float())
    real = samples.float() / 32767
    real = F.pad(real, (0, max(0, frames.shape[1] * HOP - len(real))))
    start = generator.randint(-EDGE, max(-EDGE, frames.shape[1] + EDGE - FRAMES))
    before, after = max(0, -start), max(0, start + FRAMES - frames.shape[1])
    inside = slice(max(0, start), min(frames.shape[1], start + FRAMES))
    return (
        F.pad(frames[:, inside], (before, after)),
        F.pad(real[inside.start * HOP : inside.stop * HOP], (before * HOP, after * HOP)),
    )


def batch(items: list[Item], generator: random.Random, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    frames, samples = zip(*(window(generator.choice(items), generator) for _ in range(rows)), strict=True)
    return torch.stack(frames), torch.stack(samples)


def loss(vocoder: NarrowVocoder, frames: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        made = vocoder(frames)
    counted = slice(EDGE * HOP, -EDGE * HOP)
    return spectral_loss(made.float()[:, counted], samples[:, counted])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", required=True, nargs="+", type=Path, help="shards with samples")
    parser.add_argument("--evaluation", required=True, type=Path, help="a shard of other speakers, with samples")
    parser.add_argument("--output", required=True, type=Path, help="vocoder.pt; its .state beside it is gone on from")
    parser.add_argument("--steps", required=True, type=int)
    parser.add_argument("--lr", required=True, type=float)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--threads", required=True, type=int)
    parser.add_argument("--gpt", type=Path, help="folder of the trained GPT: learn its latents")
    parser.add_argument("--codebook", type=Path, help="with --gpt")
    parser.add_argument("--start", type=Path, help="with --gpt: the vocoder that was trained on mels")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    clips = [clip for path in arguments.shards for clip in corpus.load(path)]
    others = corpus.load(arguments.evaluation)
    if arguments.gpt:
        tokenizer = VoiceBpeTokenizer(str(arguments.gpt / "vocab.json"))
        book = codebook.Codebook(**load_file(arguments.codebook))
        state = torch.load(arguments.gpt / "state.pt")
        gpt, _ = network.build(tokenizer, arguments.seed)
        gpt.load_state_dict(state["gpt"])
        items, held_out = (
            latent_items(part, gpt, lessons.Lessons(tokenizer, book), arguments.seed) for part in (clips, others)
        )
        vocoder = NarrowVocoder()
        to_mel = state["teacher"]["mel.weight"], state["teacher"]["mel.bias"]
        started = torch.load(arguments.start)
        heard_mels = started["conv_pre.weight"].shape[1] == codebook.SLOT
        vocoder.load_state_dict(narrow_vocoder.hear_latents(started, *to_mel) if heard_mels else started)
    else:
        items, held_out = mel_items(clips), mel_items(others)
        vocoder = NarrowVocoder(codebook.SLOT)
    train(vocoder, items, held_out, arguments)


def optimizers(vocoder: NarrowVocoder, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the convolutions, AdamW for their biases and the last one's single row."""
    inner = [weight for name, weight in vocoder.named_parameters() if weight.ndim == 4 and name != "conv_post.weight"]
    known = {id(weight) for weight in inner}
    others = [weight for weight in vocoder.parameters() if id(weight) not in known]
    return [muon.Muon(inner, lr), torch.optim.AdamW(others, lr * ADAM_SHARE, betas=(0.8, 0.98))]


def train(vocoder: NarrowVocoder, items: list[Item], held_out: list[Item], arguments: argparse.Namespace) -> None:
    opts = optimizers(vocoder, arguments.lr)
    evaluation = batch(held_out, random.Random(arguments.seed), 24)
    state_path, step = arguments.output.with_suffix(".state"), 0
    if state_path.exists():
        state = torch.load(state_path)
        vocoder.load_state_dict(state["vocoder"])
        for optimizer, saved in zip(opts, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step = state["step"]
    for optimizer in opts:
        for group in optimizer.param_groups:
            group["full_lr"] = arguments.lr * (1 if isinstance(optimizer, muon.Muon) else ADAM_SHARE)
    generator = random.Random(files.keyed_seed(arguments.seed, "vocoder", step))
    start, total, counted = time.perf_counter(), 0.0, 0
    while step < arguments.steps:
        factor = min(1.0, (step + 1) / 20, (arguments.steps - step) / (0.7 * arguments.steps))
        found = loss(vocoder, *batch(items, generator, ROWS))
        found.backward()
        torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 5.0)
        for optimizer in opts:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, total, counted = step + 1, total + found.item(), counted + 1
        if step % 50 == 0 or step == arguments.steps or step in (10, 25):
            with torch.no_grad():
                other = float(loss(vocoder, *evaluation))
            row = {"step": step, "seconds": round(time.perf_counter() - start), "loss": round(total / counted, 3)}
            print(json.dumps(row | {"held_out": round(other, 3)}), flush=True)
            total, counted = 0.0, 0
        if step % 100 == 0 or step == arguments.steps:
            with files.atomic_path(state_path) as path:
                kept = {"vocoder": vocoder.state_dict(), "step": step}
                torch.save(kept | {"optimizers": [optimizer.state_dict() for optimizer in opts]}, path)
            with files.atomic_path(arguments.output) as path:
                torch.save(vocoder.state_dict(), path)


if __name__ == "__main__":
    errors.main(main)
