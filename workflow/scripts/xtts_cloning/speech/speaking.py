"""From planned utterances to audio, and the tables beside it.

Every sentence has a seed of its own, made of the run's seed, the utterance's name and the sentence's number, so that an
utterance's bytes do not depend on what else is spoken.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from xtts_cloning import audio, files
from xtts_cloning.model import hallucinations
from xtts_cloning.speech import decoding, vocoder
from xtts_cloning.speech.utterances import Utterance

RATE = 24000  # Hz, of the vocoder
FADE_SECONDS = 0.005  # at both ends of a joined sentence: no click where it meets the pause
CLOCK = "from text ids to waveform, all attempts; what is decoded together shares the time by its audio length"
CLOCK_ALL = "everything from the loaded model to the last waveform"
CLOCK_ALONE = "from text ids to waveform, nothing beside it, sentence by sentence"


@dataclass
class Take:
    """One attempt at one sentence."""

    seed: int
    decoded: decoding.Decoded
    excess: float  # seconds beyond what the text can plausibly take; infinite if it did not stop by itself
    wall_seconds: float  # its share of the decoding


@dataclass
class Spoken:
    """An utterance's audio and how it came about."""

    utterance: Utterance
    samples: np.ndarray  # float32 at 24 kHz
    audio_tokens: int
    stopped: bool  # every sentence by itself
    seeds: list[int]  # of each sentence
    attempts: int  # at the sentence that needed most
    wall_seconds: float


def speak(
    model, utterances: list[Utterance], conditioning: tuple[torch.Tensor, torch.Tensor], settings: dict
) -> list[Spoken]:
    """Speak every utterance in the voice of `conditioning` (latents.conditioning's pair), with progress bars.

    settings: seed, language and synthesis.
    """
    latents, speaker_embedding = conditioning
    vocoder_precision(settings["synthesis"], latents.device)  # before hours of decoding
    takes = _takes(model, utterances, latents, settings)
    kept = {sentence: min(attempts, key=lambda take: take.excess) for sentence, attempts in takes.items()}
    waves, vocoding_seconds = _waves(model, kept, speaker_embedding, settings["synthesis"])
    spoken = []
    for utterance in utterances:
        sentences = [(utterance.id, n) for n in range(len(utterance.text_ids))]
        decoding_seconds = sum(take.wall_seconds for sentence in sentences for take in takes[sentence])
        spoken.append(
            Spoken(
                utterance=utterance,
                samples=join([waves[sentence] for sentence in sentences], settings["synthesis"]["pause_seconds"]),
                audio_tokens=sum(len(kept[sentence].decoded.codes) for sentence in sentences),
                stopped=all(kept[sentence].decoded.stopped for sentence in sentences),
                seeds=[kept[sentence].seed for sentence in sentences],
                attempts=max(len(takes[sentence]) for sentence in sentences),
                wall_seconds=decoding_seconds + sum(vocoding_seconds[sentence] for sentence in sentences),
            )
        )
    return spoken


def _takes(
    model, utterances: list[Utterance], latents: torch.Tensor, settings: dict
) -> dict[tuple[str, int], list[Take]]:
    """The attempts at each sentence, by utterance and number; up to synthesis.retries more at one that failed.

    A probe gets one attempt, since it is there to show how the model fails.
    """
    synthesis = settings["synthesis"]
    sentences = [(utterance, n) for utterance in utterances for n in range(len(utterance.text_ids))]
    takes: dict[tuple[str, int], list[Take]] = {(utterance.id, n): [] for utterance, n in sentences}
    for attempt in range(1 + synthesis["retries"]):
        requests = [_request(utterance, n, latents, settings, attempt) for utterance, n in sentences]
        start = time.perf_counter()
        with tqdm(total=len(requests), desc="decoding", unit="sentence", mininterval=2) as bar:
            decoded = decoding.decode(model, requests, synthesis, progress=bar.update)
        seconds_per_token = (time.perf_counter() - start) / sum(len(result.latents) for result in decoded)
        for (utterance, n), request, result in zip(sentences, requests, decoded, strict=True):
            excess = excess_seconds(result, utterance.sentences[n], settings["language"], model.args)
            takes[utterance.id, n].append(Take(request.seed, result, excess, seconds_per_token * len(result.latents)))
        failed = {key for key, attempts in takes.items() if attempts[-1].excess > 0}
        sentences = [pair for pair in sentences if (pair[0].id, pair[1]) in failed and pair[0].kind != "probe"]
        if not sentences:
            break
    return takes


def _waves(
    model, kept: dict[tuple[str, int], Take], speaker_embedding: torch.Tensor, synthesis: dict
) -> tuple[dict[tuple[str, int], np.ndarray], dict[tuple[str, int], float]]:
    """The audio of each sentence, and its share of the vocoder's time."""
    waves, seconds, batch_size = {}, {}, synthesis["batch_size"]
    dtype = vocoder_precision(synthesis, speaker_embedding.device)
    sentences = list(kept)
    with tqdm(total=len(sentences), desc="vocoding", unit="sentence", mininterval=2) as bar:
        for first in range(0, len(sentences), batch_size):
            batch = sentences[first : first + batch_size]
            start = time.perf_counter()
            latents = [kept[sentence].decoded.latents.to(dtype) for sentence in batch]
            made = vocoder.vocode_all(model, latents, speaker_embedding)
            seconds_per_sample = (time.perf_counter() - start) / sum(map(len, made))
            for sentence, wave in zip(batch, made, strict=True):
                waves[sentence], seconds[sentence] = wave, seconds_per_sample * len(wave)
            bar.update(len(batch))
    return waves, seconds


def time_alone(
    model, utterances: list[Utterance], conditioning: tuple[torch.Tensor, torch.Tensor], settings: dict
) -> list[dict]:
    """Single-stream speed: timing rows of the phrases (of the first utterance where there are none), each spoken again
    with nothing beside it. The first is spoken once more before that, to warm up; on a GPU all are, because each length
    of the cache has a CUDA graph of its own, captured when it is first needed."""
    phrases = [utterance for utterance in utterances if utterance.kind in ("phrase", "probe")] or utterances[:1]
    latents, speaker_embedding = conditioning
    alone = {**settings["synthesis"], "batch_size": 1}
    dtype = vocoder_precision(alone, latents.device)
    warm_up = phrases if latents.is_cuda else phrases[:1]
    rows = []
    for utterance in tqdm(warm_up + phrases, desc="timing", unit="utterance", mininterval=2):
        start, samples = time.perf_counter(), 0
        for n in range(len(utterance.text_ids)):
            (decoded,) = decoding.decode(model, [_request(utterance, n, latents, settings)], alone)
            samples += len(vocoder.vocode(model, decoded.latents.to(dtype), speaker_embedding))
        rows.append(_timing(utterance.id, "alone", samples / RATE, time.perf_counter() - start, CLOCK_ALONE))
    return rows[len(warm_up) :]


def vocoder_precision(synthesis: dict, device: torch.device) -> torch.dtype:
    return decoding.precision(synthesis["vocoder_precision"], device, "vocoder_precision")


def _request(utterance: Utterance, n: int, latents: torch.Tensor, settings: dict, attempt: int = 0) -> decoding.Request:
    return decoding.Request(
        text_ids=torch.tensor(utterance.text_ids[n]),
        latents=latents,
        seed=sentence_seed(settings["seed"], utterance.id, n, attempt),
        max_new_tokens=settings["synthesis"]["max_new_tokens"],
    )


def sentence_seed(seed: int, utterance: str, number: int, attempt: int = 0) -> int:
    """The seed of one sentence; further attempts have seeds of their own."""
    return files.keyed_seed(seed, "utterance", utterance, number, *([attempt] if attempt else []))


def excess_seconds(decoded: decoding.Decoded, sentence: str, language: str, args) -> float:
    """Seconds beyond what the sentence can plausibly take; 0 if it is fine, infinite if it did not stop by itself."""
    if not decoded.stopped:
        return math.inf
    seconds = len(decoded.codes) * args.gpt_code_stride_len / args.input_sample_rate
    return hallucinations.excess_seconds(seconds, sentence, language)


def join(pieces: list[np.ndarray], pause_seconds: float) -> np.ndarray:
    """Sentences with pauses between them, faded where they meet one; a single sentence stays as the vocoder made it."""
    if len(pieces) == 1:
        return pieces[0]
    pause = np.zeros(round(pause_seconds * RATE), np.float32)
    joined = []
    for piece in pieces:
        ramp = np.linspace(0, 1, min(round(FADE_SECONDS * RATE), len(piece)), dtype=np.float32)
        faded = piece.copy()
        faded[: len(ramp)] *= ramp
        faded[len(faded) - len(ramp) :] *= ramp[::-1]
        joined += [faded, pause]
    return np.concatenate(joined[:-1])


def write(spoken: list[Spoken], folder: Path, wall_seconds: float, alone: list[dict]) -> None:
    """<utterance>.wav, manifest.csv and timing.csv; wall_seconds is what CLOCK_ALL says, `alone` is of time_alone."""
    manifest, timing = [], []
    for item in spoken:
        name = f"{item.utterance.id}.wav"
        audio.write(folder / name, item.samples, RATE)
        seconds = len(item.samples) / RATE
        manifest.append(
            {
                "utterance": item.utterance.id,
                "kind": item.utterance.kind,
                "text": item.utterance.text,
                "audio_file": name,
                "sentences": len(item.utterance.sentences),
                "text_tokens": sum(map(len, item.utterance.text_ids)),
                "audio_tokens": item.audio_tokens,
                "stopped": str(item.stopped).lower(),
                "seed": " ".join(map(str, item.seeds)),
                "attempts": item.attempts,
                "seconds": f"{seconds:.4f}",
                "sha256": files.sha256(folder / name),
            }
        )
        timing.append(_timing(item.utterance.id, "batch", seconds, item.wall_seconds, CLOCK))
    timing.append(_timing("all", "batch", sum(len(item.samples) for item in spoken) / RATE, wall_seconds, CLOCK_ALL))
    pd.DataFrame(manifest).to_csv(folder / "manifest.csv", index=False, lineterminator="\n")
    pd.DataFrame(timing + alone).to_csv(folder / "timing.csv", index=False, lineterminator="\n")


def _timing(utterance: str, mode: str, audio_seconds: float, wall_seconds: float, clock: str) -> dict:
    return {
        "utterance": utterance,
        "mode": mode,
        "audio_seconds": f"{audio_seconds:.4f}",
        "wall_seconds": f"{wall_seconds:.4f}",
        "rtf": f"{wall_seconds / audio_seconds:.6g}",
        "times_realtime": f"{audio_seconds / wall_seconds:.6g}",
        "clock": clock,
    }
