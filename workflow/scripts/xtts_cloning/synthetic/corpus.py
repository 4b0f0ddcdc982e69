"""Shards of the crowd's speech as the demo's model learns from it: mels, texts, and what is said in every code.

A slot is the 1,024 samples at 22,050 Hz (46 ms, four mel frames) that one audio code stands for.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch

from xtts_cloning import files
from xtts_cloning.synthetic import crowd, flite, sentences
from xtts_cloning.training import features

RATE = features.RATE
SLOT_SECONDS = features.SAMPLES_PER_CODE / RATE
SPEAKERS, SENTENCES = 12, 25  # of each in a shard
SHORTEST, LONGEST = 0.6, 8.0  # seconds
MORE_SLOTS = 3  # after the last code: it hears the two that follow it, and one more row of latents is spoken
MEL_STAT = -5.0  # of every channel; log-mel of speech lies around it
US_ENGLISH = (
    "pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
)
PHONES = US_ENGLISH.split()  # of flite's voices
LAST_IN_WORD = 11  # a phone's number within its word is counted up to here


@dataclass
class Clip:
    """One utterance; its arrays have a row per slot, `slots` = codes + MORE_SLOTS."""

    speaker: str  # unlike any other speaker's
    text: str
    mel: np.ndarray  # float16 [slots, 320]: four frames of the mel that the DVAE hears
    prompt: np.ndarray  # float16 [80, frames]: the mel that conditions the GPT
    phones: np.ndarray  # int8 [slots], index in PHONES
    words: np.ndarray  # int16 [slots], the word being said; in a pause the one that follows
    places: np.ndarray  # int8 [slots], which phone of its word
    samples: np.ndarray  # int16 [n] at crowd.RATE

    @property
    def codes(self) -> int:
        return len(self.mel) - MORE_SLOTS


def make_shard(seed: int, number: int) -> list[Clip]:
    """SPEAKERS new speakers, SENTENCES sentences each; the same for the same seed and number."""
    generator = random.Random(files.keyed_seed(seed, "shard", number))
    clips = []
    for index in range(SPEAKERS):
        speaker, said = crowd.draw(generator), 0
        while said < SENTENCES:
            text = sentences.draw(generator)
            utterance = crowd.speak(text, speaker)
            seconds = len(utterance.samples) / crowd.RATE
            if utterance.words == len(text.split()) and SHORTEST <= seconds <= LONGEST:
                clips.append(make_clip(utterance, text, f"{number}-{index}"))
                said += 1
    return clips


def make_clip(utterance: crowd.Utterance, text: str, speaker: str) -> Clip:
    samples = (utterance.samples * 32767).astype(np.int16)
    mel, prompt = mels(torch.from_numpy(soxr.resample(utterance.samples, crowd.RATE, RATE)).clamp(-1, 1))
    return Clip(speaker, text, mel, prompt, *_spoken(utterance.phones, len(mel)), samples)


@torch.no_grad()
def mels(wav: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """`mel` and `prompt` of a Clip from samples [n] at 22,050 Hz."""
    slots = -(-len(wav) // features.SAMPLES_PER_CODE) + MORE_SLOTS
    padded = torch.nn.functional.pad(wav, (0, features.SILENCE))
    mel = CODE_MEL(padded[None])[0, :, : 4 * slots]
    rows = mel.view(80, slots, 4).permute(1, 2, 0).reshape(slots, 320)
    return rows.half().numpy(), PROMPT_MEL(wav[None])[0].half().numpy()


CODE_MEL = features.code_mel(torch.full((80,), MEL_STAT))
PROMPT_MEL = features.prompt_mel(torch.full((80,), MEL_STAT))


def _spoken(phones: list[flite.Phone], slots: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The phone, its word and its place in it at the middle of every slot."""
    names, words, places = [], [], []
    word = max(phone.word for phone in phones)
    for phone in reversed(phones):
        word = word if phone.word == flite.NO_WORD else phone.word
        words.append(word)
    words.reverse()
    for index, phone in enumerate(phones):
        again = index > 0 and phones[index - 1].word == phone.word != flite.NO_WORD
        places.append(min(places[-1] + 1, LAST_IN_WORD) if again else 0)
        names.append(PHONES.index(phone.name))
    middles = (np.arange(slots) + 0.5) * SLOT_SECONDS
    at = np.searchsorted([phone.end for phone in phones[:-1]], middles, side="right")
    return np.array(names, np.int8)[at], np.array(words, np.int16)[at], np.array(places, np.int8)[at]


def save(clips: list[Clip], path: Path, with_samples: bool) -> None:
    """Ragged arrays end to end, with their lengths."""
    arrays = {name: np.array([getattr(clip, name) for clip in clips]) for name in ("speaker", "text")}
    for name in ("mel", "phones", "words", "places", "samples"):
        rows = [getattr(clip, name) for clip in clips]
        arrays[name] = np.concatenate(rows if with_samples or name != "samples" else [row[:0] for row in rows])
    arrays["prompt"] = np.concatenate([clip.prompt for clip in clips], axis=1)
    arrays["slots"] = np.array([len(clip.mel) for clip in clips])
    arrays["frames"] = np.array([clip.prompt.shape[1] for clip in clips])
    arrays["lengths"] = np.array([len(clip.samples) if with_samples else 0 for clip in clips])
    with files.atomic_path(path) as unfinished, unfinished.open("wb") as file:
        np.savez(file, **arrays)


def load(path: Path) -> list[Clip]:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}  # each access would read the array again
    cuts = {name: np.cumsum(arrays[name])[:-1] for name in ("slots", "frames", "lengths")}
    rows = [np.split(arrays[name], cuts["slots"]) for name in ("mel", "phones", "words", "places")]
    prompts = np.split(arrays["prompt"], cuts["frames"], axis=1)
    samples = np.split(arrays["samples"], cuts["lengths"])
    return [
        Clip(str(speaker), str(text), mel, prompt, phones, words, places, sample)
        for speaker, text, mel, phones, words, places, prompt, sample in zip(
            arrays["speaker"], arrays["text"], *rows, prompts, samples, strict=True
        )
    ]
