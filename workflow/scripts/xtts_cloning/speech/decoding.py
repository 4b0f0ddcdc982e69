"""The decoding engine: from text ids and conditioning latents to audio codes and the latents that the vocoder speaks.

Codes and latents are those of `Xtts.inference` in TTS 0.21.3 (TTS/tts/layers/xtts/gpt.py and gpt_inference.py), but the
latents are kept while decoding instead of running the whole GPT a second time, and many sentences are decoded together.
How it works: slots.py (who is decoded when), gpt_step.py (the network), sampling.py (the next code).
"""

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from xtts_cloning.errors import UserError
from xtts_cloning.speech.slots import Slots


@dataclass
class Request:
    """One sentence to speak."""

    text_ids: torch.Tensor  # [t] long, the tokenizer's ids without start and stop
    latents: torch.Tensor  # [1, 32, C] conditioning latents of the reference
    seed: int
    max_new_tokens: int  # audio codes, the stop code included; never more than the model's max_gen_mel_tokens (602)


@dataclass
class Decoded:
    """What one request became."""

    codes: torch.Tensor  # [n] long, without the stop code, on the CPU
    latents: torch.Tensor  # float32 [n, C], or [n + 1, C] when stopped: the library speaks the stop code's row too
    stopped: bool  # by itself, not at the limit
    wall_seconds: float  # from its start to its end, others being decoded at the same time


@torch.inference_mode()
def decode(
    model,
    requests: list[Request],
    sampling: dict,
    do_sample: bool = True,
    progress: Callable[[int], object] = lambda count: None,
) -> list[Decoded]:
    """Decode every request with the values of settings["synthesis"]; without do_sample the likeliest code is taken.
    Results come in the order of the requests, and each depends on its own request alone.
    progress(1) is called when a request is done."""
    _check(model.gpt, requests)
    waiting = sorted(range(len(requests)), key=lambda index: len(requests[index].text_ids))  # the longest goes first
    places, decoded = {}, {}
    with _slots(model.gpt, sampling["precision"], sampling["batch_size"]) as slots:
        while waiting or places:
            arrivals = {slot: waiting.pop() for slot in slots.free()[: len(waiting)]}
            slots.admit({slot: requests[index] for slot, index in arrivals.items()})
            places |= arrivals
            for slot in slots.step(sampling, do_sample):
                codes, latents, ran = slots.take(slot)
                codes = codes[:-1] if ran.stopped else codes
                decoded[places.pop(slot)] = Decoded(codes, latents, ran.stopped, time.perf_counter() - ran.started)
                progress(1)
    return [decoded[index] for index in range(len(requests))]


@torch.inference_mode()
def stream(model, request: Request, sampling: dict, chunk: int = 20, do_sample: bool = True) -> Iterator[torch.Tensor]:
    """Decode one request and yield its latents while they come, [<= chunk, C] each; together they are decode's."""
    _check(model.gpt, [request])
    with _slots(model.gpt, sampling["precision"], 1) as slots:
        slots.admit({0: request})
        running, given, done = slots.running[0], 0, []
        while not done:
            done = slots.step(sampling, do_sample)
            if done or running.count - given == chunk:
                yield slots.latents[0, given : running.count].clone()
                given = running.count


def precision(name: str, device: torch.device, key: str = "precision") -> torch.dtype:
    """The dtype that a key of settings["synthesis"] names: auto is fp32 on a CPU, bf16 on a GPU that has it."""
    if name == "auto":
        name = "fp32" if device.type == "cpu" else "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if name == "fp16" and device.type == "cpu":
        raise UserError(f"synthesis.{key} is fp16, which needs a GPU; on a CPU set it to auto, fp32 or bf16")
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


_idle: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # gpt -> slots that nobody uses, by kind


@contextmanager
def _slots(gpt, precision_name: str, count: int) -> Iterator[Slots]:
    """Slots for this call alone; kept for the next, since a GPU's graphs are worth keeping."""
    device = gpt.mel_head.weight.device
    dtype = precision(precision_name, device)
    idle = _idle.setdefault(gpt, {}).setdefault((device, dtype, count), [])
    slots = idle.pop() if idle else Slots(gpt, dtype, count)
    try:
        yield slots
    finally:
        slots.clear()
        idle.append(slots)


def _check(gpt, requests: list[Request]) -> None:
    most = gpt.max_text_tokens - 3  # the library asserts the same
    for request in requests:
        if len(request.text_ids) > most:
            raise UserError(f"a text of {len(request.text_ids)} tokens; the model takes {most} at most: split the text")
