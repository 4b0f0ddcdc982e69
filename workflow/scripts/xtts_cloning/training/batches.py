"""Clips of a manifest, checked and tokenized, and the batches of every step: what the GPT is trained on.

Which clips are in a step, and which piece of each conditions the model, follows from the seed and the step's number
alone, so that a resumed training takes the same.
"""

import random
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from xtts_cloning import audio, files
from xtts_cloning.data import metadata
from xtts_cloning.errors import UserError
from xtts_cloning.model import texts

# The limits of TTS/tts/layers/xtts/trainer/{dataset,gpt_trainer}.py, which drops what exceeds them without a word.
RATE = 22_050  # Hz
SHORTEST_CLIP = RATE // 2  # samples
LONGEST_CLIP = 255_995  # samples
MOST_TEXT_TOKENS = 200
# The piece of a clip that conditions the model, in samples: the values of TTS's XTTS-v2 recipe.
SHORTEST_PROMPT = 66_150
LONGEST_PROMPT = 132_300

IGNORED = -1  # target of a position that does not count in the loss
TEXT_STOPS = 1  # stop tokens after a text and after audio codes, as GPT.forward appends them
AUDIO_STOPS = 4
MEL_HOP = 256  # samples per frame of the conditioning mel
WINDOW = 8  # batches that are drawn together and sorted by length
SHOWN_PROBLEMS = 10


class Clip(NamedTuple):
    text: Tensor  # token ids, long [t]
    wav: Tensor  # float [samples] at 22,050 Hz
    codes: Tensor  # audio codes of the DVAE, long [ceil(samples / 1024)]


class SpecialTokens(NamedTuple):
    start_text: int
    stop_text: int
    start_audio: int
    stop_audio: int


def special_tokens(gpt: torch.nn.Module) -> SpecialTokens:
    return SpecialTokens(gpt.start_text_token, gpt.stop_text_token, gpt.start_audio_token, gpt.stop_audio_token)


class Batch(NamedTuple):
    """Inputs of the GPT for `b` clips; the prompts are wavs, because their mels are made on the device."""

    text: Tensor  # long [b, t]
    text_targets: Tensor  # long [b, t], IGNORED where padded
    audio: Tensor  # long [b, a]
    audio_targets: Tensor  # long [b, a], IGNORED where padded or hidden
    order: Tensor  # long [b, n], for each row text, then audio, then padding: places in text and audio side by side
    audio_places: Tensor  # long [b, a], where in that order the audio lies
    prompts: Tensor  # float [b, LONGEST_PROMPT], zero-padded


def read_clips(manifest: Path, tokenizer: object, language: str, encode: Callable[[Tensor], Tensor]) -> list[Clip]:
    """All clips of a manifest; `encode` gives a wav's audio codes.

    Raises a UserError that names every row whose file or text cannot be trained on: nothing is left out silently.
    """
    table = metadata.read_mdata(manifest)
    checked, problems = [], []
    for number, row in enumerate(table.itertuples(), start=2):  # row 1 is the header
        try:
            checked.append((_read_text(tokenizer, row.text, language), _read_wav(manifest.parent / row.audio_file)))
        except UserError as error:
            problems.append(f"  row {number} ({row.audio_file}): {error}")
    if problems:
        shown = "\n".join(problems[:SHOWN_PROBLEMS])
        raise UserError(
            f"{manifest}: {len(problems)} of {len(table)} rows cannot be trained on:\n{shown}\n"
            "Take these rows out, or mend their files; the subset step makes manifests that hold none of them."
        )
    if not checked:
        raise UserError(f"{manifest} has no rows; at least one clip is needed")
    bar = tqdm(checked, desc=f"audio codes of {manifest.name}", unit="clip", mininterval=2)
    return [Clip(text, wav, encode(wav)) for text, wav in bar]


def _read_wav(path: Path) -> Tensor:
    wav = audio.read(path, RATE)
    if not SHORTEST_CLIP <= len(wav) <= LONGEST_CLIP:
        raise UserError(
            f"lasts {len(wav) / RATE:.2f} s ({len(wav)} samples); "
            f"{SHORTEST_CLIP / RATE} to {LONGEST_CLIP / RATE:.2f} s ({LONGEST_CLIP} samples) can be trained on"
        )
    return torch.from_numpy(wav).clamp(-1, 1)


def _read_text(tokenizer: object, text: str, language: str) -> Tensor:
    problem = texts.problem(tokenizer, text, language, MOST_TEXT_TOKENS)
    if problem:
        raise UserError(problem)
    return torch.tensor(texts.token_ids(tokenizer, text, language))


class TrainingBatches:
    """Batch number i of the training, for any i: a pure function of the seed.

    The clips are in memory, so that a batch takes milliseconds and no processes to make it.
    """

    def __init__(self, clips: list[Clip], tokens: SpecialTokens, batch_size: int, seed: int):
        self.clips, self.tokens, self.batch_size, self.seed = clips, tokens, batch_size, seed
        self.lengths = [len(clip.codes) for clip in clips]

    def __getitem__(self, index: int) -> Batch:
        positions = batch_positions(self.lengths, self.batch_size, self.seed, index)
        clips = [self.clips[clip_at(position, len(self.clips), self.seed)] for position in positions]
        prompts = [
            random_prompt(len(clip.wav), random.Random(files.keyed_seed(self.seed, "prompt", position)))
            for clip, position in zip(clips, positions, strict=True)
        ]
        batch = collate(clips, prompts, self.tokens)
        hide_prompt(batch.audio_targets, prompts[-1])
        return batch


def clip_at(position: int, count: int, seed: int) -> int:
    """The clip at a position of the endless sequence of shuffled epochs: every clip once in each `count` positions."""
    epoch, place = divmod(position, count)
    return _epoch_order(epoch, count, seed)[place]


@lru_cache(maxsize=4)  # batches are drawn from one epoch, or where two meet
def _epoch_order(epoch: int, count: int, seed: int) -> list[int]:
    return random.Random(files.keyed_seed(seed, "epoch", epoch)).sample(range(count), count)


def batch_positions(lengths: list[int], batch_size: int, seed: int, index: int) -> list[int]:
    """The positions of that sequence that make up batch `index`.

    A few batches are drawn together, sorted by length and dealt out in random order: clips of like length share a
    batch, so that little of it is padding, and the order of lengths stays random. No more are drawn together than an
    epoch holds, or the copies of a clip would meet in one batch.
    """
    window_batches = max(1, min(WINDOW, len(lengths) // batch_size))
    window, place = divmod(index, window_batches)
    size = window_batches * batch_size
    positions = range(window * size, (window + 1) * size)
    by_length = sorted(positions, key=lambda position: lengths[clip_at(position, len(lengths), seed)])
    order = random.Random(files.keyed_seed(seed, "window", window)).sample(range(window_batches), window_batches)
    first = order[place] * batch_size
    return sorted(by_length[first : first + batch_size])


def random_prompt(samples: int, generator: random.Random) -> tuple[int, int]:
    """Start and end, in samples, of the piece that conditions the model; get_prompt_slice of the library's dataset."""
    length = generator.randint(SHORTEST_PROMPT, LONGEST_PROMPT)
    if length > samples:
        length = samples // 2
    start = generator.randint(0, samples - length)
    return start, start + length


def fixed_prompt(samples: int) -> tuple[int, int]:
    """The piece that conditions the model in evaluations: of middle length, from the start, as in the library."""
    length = (SHORTEST_PROMPT + LONGEST_PROMPT) // 2
    return 0, length if length <= samples else samples // 2


def evaluation_batches(clips: list[Clip], tokens: SpecialTokens, batch_size: int) -> list[Batch]:
    """All clips in batches of like length, with fixed prompts and nothing hidden from the loss."""
    ordered = sorted(clips, key=lambda clip: len(clip.codes))
    groups = [ordered[first : first + batch_size] for first in range(0, len(ordered), batch_size)]
    return [collate(group, [fixed_prompt(len(clip.wav)) for clip in group], tokens) for group in groups]


def collate(clips: list[Clip], prompts: list[tuple[int, int]], tokens: SpecialTokens) -> Batch:
    text_ids, codes = [clip.text for clip in clips], [clip.codes for clip in clips]
    text = _inputs_and_targets(text_ids, tokens.start_text, tokens.stop_text, TEXT_STOPS)
    heard = _inputs_and_targets(codes, tokens.start_audio, tokens.stop_audio, AUDIO_STOPS)
    prompt_wavs = torch.zeros(len(clips), LONGEST_PROMPT)
    for row, clip, (start, end) in zip(prompt_wavs, clips, prompts, strict=True):
        row[: end - start] = clip.wav[start:end]
    return Batch(*text, *heard, *_without_gaps(text_ids, codes), prompt_wavs)


def _inputs_and_targets(rows: list[Tensor], start: int, stop: int, stops: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets that TTS/tts/layers/xtts/gpt.py (GPT.forward) makes of padded tokens."""
    shape = len(rows), max(map(len, rows)) + 1 + stops
    inputs, targets = torch.full(shape, stop), torch.full(shape, IGNORED)
    inputs[:, 0] = start
    for index, row in enumerate(rows):
        inputs[index, 1 : len(row) + 1] = row
        targets[index, : len(row)] = row
        targets[index, len(row) : len(row) + stops] = stop
    return inputs, targets


def _without_gaps(text_ids: list[Tensor], codes: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Batch.order and Batch.audio_places. What is attended to is what the library's masks leave: a row's tokens with
    its start, and of the stops all but the last."""
    text_lengths = torch.tensor([len(row) + TEXT_STOPS for row in text_ids])[:, None]
    audio_lengths = torch.tensor([len(row) + AUDIO_STOPS for row in codes])[:, None]
    text_width, audio_width = int(text_lengths.max()) + 1, int(audio_lengths.max()) + 1
    places = torch.arange(int((text_lengths + audio_lengths).max()))
    order = torch.where(places < text_lengths, places, places - text_lengths + text_width)
    audio_places = text_lengths + torch.arange(audio_width)
    return order.clamp(max=text_width + audio_width - 1), audio_places.clamp(max=len(places) - 1)


def hide_prompt(audio_targets: Tensor, prompt: tuple[int, int]) -> None:
    """Take the audio codes that the prompt gives away out of the loss, the way the library does it.

    Two slips of the library (gpt.py, lines 479-483 and 613-616 of TTS 0.21.3) are kept, so that the training is the
    one its users know: only the last clip of a batch is treated, and the range counts mel frames of 256 samples where
    audio codes span 1,024. Where it would take every target of a batch (of one clip, say), and the library's loss
    would be 0/0, nothing is hidden.
    """
    start, end = (sample // MEL_HOP for sample in prompt)
    last = audio_targets[-1].clone()
    audio_targets[-1, start:end] = IGNORED
    if (audio_targets == IGNORED).all():
        audio_targets[-1] = last
