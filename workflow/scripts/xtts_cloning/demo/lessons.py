"""The corpus as batches for the demo's GPT: utterances of like length, prompts from other utterances of the speaker."""

import random
from collections import defaultdict
from itertools import pairwise

import numpy as np
import torch

from xtts_cloning.demo import codebook
from xtts_cloning.demo.network import IGNORED, PROMPT_ROWS, START_AUDIO, STOP_AUDIO, Batch
from xtts_cloning.model.library import VoiceBpeTokenizer
from xtts_cloning.synthetic.corpus import Clip

POSITIONS = 4000  # of text, audio and prompt in a batch, padding included
SHARED = 5  # utterances of a speaker that share a prompt
MULTIPLE = 8  # lengths are padded to it: the CPU's kernels are made anew for every other shape, and kept
PROMPT_FRAMES = (100, 180)  # 1.2 to 2.1 s
LONG_PROMPT_FRAMES = (320, 345)  # one conditioning chunk of 4 s
LONG_SHARE = 0.1
PADDED_FRAMES = 517  # the trainer pads its prompts to 6 s
PADDED_SHARE = 0.08
WRONG_CODES = 0.08  # share of the codes heard that are others, so that the model learns to go on after a slip


class Lessons:
    def __init__(self, tokenizer: VoiceBpeTokenizer, book: codebook.Codebook):
        self.tokenizer, self.book = tokenizer, book
        self.start_text = tokenizer.tokenizer.token_to_id("[START]")
        self.stop_text = tokenizer.tokenizer.token_to_id("[STOP]")
        self.space = tokenizer.tokenizer.token_to_id("[SPACE]")
        self.clips: list[Clip] = []
        self.texts: list[list[int]] = []
        self.codes: list[torch.Tensor] = []
        self.of_speaker: dict[str, list[int]] = defaultdict(list)

    def add(self, clips: list[Clip]) -> None:
        for clip in clips:
            self.of_speaker[clip.speaker].append(len(self.clips))
            self.clips.append(clip)
            self.texts.append(self.tokenizer.encode(clip.text, "en"))
        self.codes += codebook.codes(self.book, clips)

    def size(self, index: int) -> int:
        return PROMPT_ROWS + len(self.texts[index]) + 2 + len(self.codes[index]) + 1

    def epoch(self, generator: random.Random) -> list[list[int]]:
        """Every utterance once, in batches of up to POSITIONS, in random order.

        A batch is made of groups of SHARED utterances of one speaker and like length, which share a prompt: hearing
        the prompts would otherwise be a third of the work.
        """
        groups = []
        for indices in self.of_speaker.values():
            order = sorted(indices, key=lambda index: self.size(index) + generator.uniform(-4, 4))
            groups += [order[first : first + SHARED] for first in range(0, len(order), SHARED)]
        groups.sort(key=lambda group: max(map(self.size, group)) + generator.uniform(-4, 4))
        batches: list[list[int]] = [[]]
        for group in groups:
            longest = max(self.size(index) for index in batches[-1] + group)
            if longest * (len(batches[-1]) + len(group)) > POSITIONS:
                batches.append([])
            batches[-1] += group
        generator.shuffle(batches)
        return batches

    def batch(self, chosen: list[int], generator: random.Random, wrong: float = WRONG_CODES) -> Batch:
        rows = len(chosen)
        texts = _up(max(len(self.texts[index]) for index in chosen) + 2)
        audios = _up(max(len(self.codes[index]) for index in chosen) + 1)
        text, audio = torch.full((rows, texts), self.stop_text), torch.full((rows, audios), STOP_AUDIO)
        text_targets, audio_targets = torch.full((rows, texts), IGNORED), torch.full((rows, audios), IGNORED)
        words, sounds = torch.full((rows, audios), IGNORED), torch.full((rows, audios, 3), IGNORED)
        mel = torch.zeros(rows, audios, codebook.SLOT)
        text_mask, audio_mask = torch.zeros(rows, texts, dtype=torch.bool), torch.zeros(rows, audios, dtype=torch.bool)
        for row, index in enumerate(chosen):
            clip, ids, codes = self.clips[index], torch.tensor(self.texts[index]), self.codes[index]
            end, count = len(ids) + 1, len(codes)
            text[row, 0], text[row, 1:end] = self.start_text, ids
            text_targets[row, : end - 1], text_targets[row, end - 1] = ids, self.stop_text
            text_mask[row, : end + 1] = True
            audio[row, 0], audio[row, 1 : count + 1] = START_AUDIO, _with_slips(codes, wrong, generator)
            audio_targets[row, :count], audio_targets[row, count] = codes, STOP_AUDIO
            audio_mask[row, : count + 1] = True
            words[row, :count] = self._word_positions(ids)[torch.from_numpy(clip.words[1 : count + 1]).long()]
            words[row, count] = end
            told = [clip.phones[1 : count + 1], clip.phones[2 : count + 2], clip.places[1 : count + 1]]
            sounds[row, :count] = torch.from_numpy(np.stack(told, 1)).long()
            mel[row, : count + 1] = torch.from_numpy(clip.mel[: count + 1]).float()
        prompts, prompt_of = self._prompts(chosen, generator)
        return Batch(
            prompts, prompt_of, text, text_targets, text_mask, audio, audio_targets, audio_mask, words, sounds, mel
        )  # fmt: skip

    def _word_positions(self, ids: torch.Tensor) -> torch.Tensor:
        """Position of each word's first token in the text input; ids begin with the language's."""
        spaces = (ids == self.space).nonzero()[:, 0]
        return torch.cat([torch.tensor([2]), spaces + 2])

    def _prompts(self, chosen: list[int], generator: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
        """[p, 80, frames], and which of them each row hears: one for each run of rows of the same speaker."""
        kind, padded = generator.random(), None
        frames = generator.randint(*PROMPT_FRAMES)
        if kind < LONG_SHARE:
            frames = generator.randint(*LONG_PROMPT_FRAMES)
        elif kind < LONG_SHARE + PADDED_SHARE:
            padded = PADDED_FRAMES
        speakers = [self.clips[index].speaker for index in chosen]
        runs = np.cumsum([0] + [here != before for before, here in pairwise(speakers)])
        prompts = torch.full((runs[-1] + 1, 80, padded or frames), SILENT_PROMPT)
        for run in range(len(prompts)):
            members = {index for index, number in zip(chosen, runs, strict=True) if number == run}
            prompts[run, :, :frames] = torch.from_numpy(self._prompt(members, frames, generator)).float()
        return prompts, torch.from_numpy(runs)

    def _prompt(self, members: set[int], frames: int, generator: random.Random) -> np.ndarray:
        """[80, frames] of other utterances of the speaker of `members`."""
        speaker = self.of_speaker[self.clips[min(members)].speaker]
        others, pieces = [index for index in speaker if index not in members] or speaker, []
        while sum(piece.shape[1] for piece in pieces) < frames:
            pieces.append(self.clips[generator.choice(others)].prompt)
        prompt = np.concatenate(pieces, 1)
        start = generator.randint(0, prompt.shape[1] - frames)
        return prompt[:, start : start + frames]


SILENT_PROMPT = float(np.log(1e-5) / -5)  # mel of digital silence over its statistic


def _with_slips(codes: torch.Tensor, share: float, generator: random.Random) -> torch.Tensor:
    heard = codes.clone()
    for place in range(len(codes)):
        if generator.random() < share:
            heard[place] = generator.randrange(codebook.CODES)
    return heard


def _up(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE
