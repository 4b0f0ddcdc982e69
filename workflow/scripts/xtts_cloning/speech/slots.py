"""A fixed number of places in which utterances are decoded together; one that ends makes room for the next.

An utterance's bytes depend on nothing but itself: it is prefilled in a shape of its own, attends to its own positions,
draws from its own noise, and its row of every matrix product has the same bits whichever rows are computed beside it.
"""

import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import torch

from xtts_cloning.speech import gpt_step, sampling

SPAN = 128  # on a GPU attention reads a multiple of this many positions; there is one CUDA graph for each
GRAPHS = True  # on a GPU; without them each step waits for hundreds of kernels to be launched
PREFILL_ROWS, PREFILL_STEP = 8, 32  # on a GPU this many texts are prefilled at once, padded to a multiple of 32 ids


@dataclass
class Running:
    """What the host knows of a slot in use."""

    length: int  # positions in the cache
    limit: int  # of codes
    started: float
    count: int = 0  # codes so far, the stop code included
    stopped: bool = False


class Slots:
    """The state of `count` slots on the model's device, for one precision. `gpt` is the library's."""

    def __init__(self, gpt, dtype: torch.dtype, count: int):
        self.network = gpt_step.network(gpt, dtype)
        self.device = self.network.codes.device
        self.start_text, self.stop_text = gpt.start_text_token, gpt.stop_text_token
        self.start_code, self.stop_code = gpt.start_audio_token, gpt.stop_audio_token
        most, codes, channels = gpt.max_gen_mel_tokens, gpt.num_audio_tokens, gpt.model_dim
        positions = gpt.max_prompt_tokens + gpt.max_text_tokens + gpt.max_mel_tokens
        new = partial(torch.zeros, device=self.device)

        self.fixed_shapes = _wants_fixed_shapes(self.device)
        self.cache = gpt_step.cache(self.network, count, positions + -positions % SPAN, masked=self.fixed_shapes)
        self.state = new(4, count, dtype=torch.long)
        self.code, self.position, self.length, self.active = self.state  # position: of the code; length: of the cache
        self.seen_at_start = new(codes, dtype=torch.bool)
        self.seen_at_start[[1, gpt.start_audio_token]] = True  # the library fills the prefix of its input ids with 1
        self.seen = self.seen_at_start.repeat(count, 1)
        self.noise = new(count, most, codes)
        self.codes = new(count, most, dtype=torch.long)
        self.latents = new(count, most, channels)

        self.slots = torch.arange(count, device=self.device)
        self.running: dict[int, Running] = {}
        self.conditioning = None  # the last conditioning latents, and the keys and values they became
        self.graphs: dict[tuple, torch.cuda.CUDAGraph] = {}
        self.use_graphs = GRAPHS and self.device.type == "cuda"
        self.only_running = not self.fixed_shapes and gpt_step.rows_alone(self.network, count)

    def free(self) -> list[int]:
        return [slot for slot in range(len(self.slots)) if slot not in self.running]

    def clear(self) -> None:
        self.running.clear()
        self.state.zero_()

    def admit(self, arrivals: dict) -> None:
        """Prefill and start one decoding.Request in each of these free slots."""
        groups = defaultdict(list)
        rows, step = (PREFILL_ROWS, PREFILL_STEP) if self.fixed_shapes else (1, 1)
        for slot, request in arrivals.items():
            started, start = time.perf_counter(), request.latents.shape[1]
            self._condition(slot, request.latents)
            ids = [self.start_text, *request.text_ids.tolist(), self.stop_text]
            padded = min(len(ids) + -len(ids) % step, len(self.network.text_positions))
            groups[start, padded].append((slot, ids + [self.stop_text] * (padded - len(ids))))

            limit = min(request.max_new_tokens, self.codes.shape[1])
            self.running[slot] = Running(start + len(ids), limit, started)
            self.state[:, slot] = torch.tensor([self.start_code, 0, start + len(ids), 1], device=self.device)
            self.seen[slot] = self.seen_at_start
            self.noise[slot] = sampling.noise(request.seed, self.noise.shape[1:], self.device)
        for (start, padded), members in groups.items():
            for i in range(0, len(members), rows):
                group = members[i : i + rows]
                group += group[:1] * (rows - len(group))  # always one shape; a row given twice is written twice
                slots, texts = (torch.tensor(column, device=self.device) for column in zip(*group, strict=True))
                x = self.network.text[texts] + self.network.text_positions[:padded]
                gpt_step.prefill(self.network, self.cache, slots, x, start)

    def _condition(self, slot: int, latents: torch.Tensor) -> None:
        """Fill the slot's first positions from conditioning latents [1, n, C]: computed once for each reference, since
        nothing before them depends on the text."""
        latents, n = latents.to(self.cache.keys), latents.shape[1]
        caches = self.cache.keys, self.cache.values
        if self.conditioning is None or not torch.equal(self.conditioning[0], latents):
            gpt_step.prefill(self.network, self.cache, self.slots[slot, None], latents, 0)
            self.conditioning = latents, *(t[:, slot, :, :n].clone() for t in caches)
        for filled, computed in zip(caches, self.conditioning[1:], strict=True):
            filled[:, slot, :, :n] = computed

    def step(self, values: dict, do_sample: bool) -> list[int]:
        """One code more in every running slot; returns the slots that are done. values: settings["synthesis"]."""
        longest = 1 + max(running.length for running in self.running.values())
        span = longest + -longest % SPAN if self.fixed_shapes else None
        slots = torch.tensor(sorted(self.running)) if self.only_running else self.slots
        choose = partial(sampling.choose, values=values, do_sample=do_sample)
        if self.use_graphs:
            key = span, do_sample, *(values[name] for name in sampling.VALUES)
            if key not in self.graphs:
                self.graphs[key] = self._capture(partial(self._advance, slots, span, choose))
            self.graphs[key].replay()
        else:
            self._advance(slots, span, choose)

        codes = self.code.tolist()
        for slot, running in self.running.items():
            running.count, running.length = running.count + 1, running.length + 1
            running.stopped = codes[slot] == self.stop_code
        return [slot for slot, running in self.running.items() if running.stopped or running.count == running.limit]

    def _advance(self, slots: torch.Tensor, span: int | None, choose) -> None:
        """The device's part of a step; the host waits for nothing in it."""
        position, length = self.position[slots], self.length[slots]
        x = self.network.codes[self.code[slots]] + self.network.code_positions[position]
        latents = gpt_step.advance(self.network, self.cache, slots, length, x, span)
        code = choose(self.network.head(latents), self.seen[slots], self.noise[slots, position])
        self.latents[slots, position] = latents
        self.codes[slots, position] = code
        self.seen[slots, code] = torch.ones_like(code, dtype=torch.bool)  # a plain True would be copied from the host
        self.code[slots] = code
        self.position += self.active
        self.length += self.active

    def _capture(self, advance) -> torch.cuda.CUDAGraph:
        """A graph of one step. A first run outside the graph loads the kernels; it leaves the state as it was."""
        kept = [(tensor, tensor.clone()) for tensor in (self.state, self.seen)]
        advance()
        for tensor, before in kept:
            tensor.copy_(before)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            advance()
        return graph

    def take(self, slot: int) -> tuple[torch.Tensor, torch.Tensor, Running]:
        """Codes [count] and latents [count, C] of a slot, which is free from now on."""
        running = self.running.pop(slot)
        self.state[:, slot] = 0
        return self.codes[slot, : running.count].cpu().clone(), self.latents[slot, : running.count].clone(), running


def _wants_fixed_shapes(device: torch.device) -> bool:
    """A GPU does best on few shapes, each of which can become a CUDA graph; a CPU on no more than is needed."""
    return device.type == "cuda"
