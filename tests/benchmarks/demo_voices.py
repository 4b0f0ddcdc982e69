"""How well the demo's model clones voices that it never heard: character errors, similarity, sentences that stop.

Voices are drawn from the crowd with another seed than the training's, and made of slt, which the crowd never had. All
say the same sentences of the closed vocabulary; flite, which must be installed (libflite1), gives the recordings' own
scores.
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow" / "scripts")]

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
import soxr  # noqa: E402
import torch  # noqa: E402
from xtts_cloning import config  # noqa: E402
from xtts_cloning.demo import packing  # noqa: E402
from xtts_cloning.evaluation import measures, speakers, transcripts  # noqa: E402
from xtts_cloning.model import latents, loading, texts  # noqa: E402
from xtts_cloning.speech import decoding, vocoder  # noqa: E402
from xtts_cloning.synthetic import crowd, sentences  # noqa: E402

SEED = 4242
SAMPLING = {"repetition_penalty": 1.0, "precision": "fp32", "batch_size": 8}  # codes of steady sounds must repeat
MOST_CODES = 250
WORDS = (5, 12)  # of a sentence
OWN_CLIPS = 4  # of each voice, other sentences, whose mean the similarity is measured to
REFERENCE_SECONDS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, type=Path, help="folder with weights.safetensors and vocab.json")
    parser.add_argument("--voices", type=int, default=20, help="of the crowd; a quarter as many of slt are added")
    parser.add_argument("--sentences", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--temperature", type=float, help="instead of the demo's")
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/demo_voices")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.output.mkdir(parents=True, exist_ok=True)
    settings = config.load(ROOT / "config" / "demo.yaml")
    sampling = settings["synthesis"] | SAMPLING
    if arguments.temperature is not None:
        sampling["temperature"] = arguments.temperature
    with tempfile.TemporaryDirectory() as folder:
        packing.unpack(arguments.weights / "weights.safetensors", arguments.weights / "vocab.json", Path(folder), SEED)
        model = loading.load(folder)
    listener = Listener()
    generator = random.Random(SEED)
    lines = [sentence(generator) for _ in range(arguments.sentences)]
    kinds = [crowd.CROWD] * arguments.voices + [("slt",)] * -(-arguments.voices // 4)
    voices = [Voice(crowd.draw(generator, bases), generator, listener) for bases in kinds]
    rows = []
    for number, voice in enumerate(voices):
        made = speak(
            model, voice, lines, settings["reference"], sampling, arguments.output / f"{number:02d}-reference.wav"
        )
        for line, (text, (samples, stopped)) in enumerate(zip(lines, made, strict=True)):
            soundfile.write(arguments.output / f"{number:02d}-{line:02d}.wav", samples, crowd.RATE)
            real = crowd.speak(text, voice.speaker).samples
            row = {"voice": number, "base": voice.speaker.base, "text": text, "stopped": stopped}
            row |= {"real_cer": listener.errors(real, text), "cer": listener.errors(samples, text)}
            row |= {"length": len(samples) / len(real), "real_secs": voice.likeness(listener.embed(real))}
            rows.append(row | {"secs": [other.likeness(listener.embed(samples)) for other in voices]})
        print(json.dumps({"voice": number, "base": voice.speaker.base} | means(rows[-len(lines) :])), flush=True)
    result = {
        kind: means([row for row in rows if (row["base"] == "slt") == (kind == "slt")]) for kind in ("crowd", "slt")
    }
    (arguments.output / "demo_voices.json").write_text(json.dumps({"means": result, "rows": rows}, indent=1) + "\n")
    print(json.dumps(result, indent=1))


class Listener:
    """The workflow's own recogniser and speaker encoder."""

    def __init__(self) -> None:
        self.recognise = transcripts.recogniser("pocketsphinx", "en")
        self.encode = speakers.embedder("resemblyzer")

    def errors(self, samples: np.ndarray, text: str) -> float:
        return transcripts.error_rates(text, " ".join(word.text for word in self.recognise(_heard(samples))))[0]

    def embed(self, samples: np.ndarray) -> np.ndarray | None:
        value = measures.attempt(self.encode, _heard(samples))
        return None if isinstance(value, measures.Unmeasurable) else value


class Voice:
    def __init__(self, speaker: crowd.Speaker, generator: random.Random, listener: Listener):
        self.speaker = speaker
        clips = [crowd.speak(sentence(generator), speaker).samples for _ in range(OWN_CLIPS + 3)]
        self.reference = np.concatenate(clips[OWN_CLIPS:])[: REFERENCE_SECONDS * crowd.RATE]
        embeddings = [listener.embed(clip) for clip in clips[:OWN_CLIPS]]
        self.centroid = speakers.centroid([value for value in embeddings if value is not None])

    def likeness(self, embedding: np.ndarray | None) -> float:
        return float("nan") if embedding is None else speakers.similarity(embedding, self.centroid)


def speak(model, voice: Voice, lines: list[str], reference: dict, sampling: dict, path: Path) -> list:
    """(samples at 24 kHz, whether it stopped by itself) of every line."""
    soundfile.write(path, voice.reference, crowd.RATE)
    style, speaker = latents.conditioning(model, path, reference)
    ids = [torch.tensor(texts.token_ids(model.tokenizer, line, "en")) for line in lines]
    requests = [decoding.Request(tokens, style, SEED + number, MOST_CODES) for number, tokens in enumerate(ids)]
    return [
        (vocoder.vocode(model, one.latents, speaker), one.stopped) for one in decoding.decode(model, requests, sampling)
    ]


def sentence(generator: random.Random) -> str:
    while not WORDS[0] <= len((text := sentences.clause(generator)).split()) <= WORDS[1]:
        pass
    return text + "."


def means(rows: list[dict]) -> dict:
    own = [row["secs"][row["voice"]] for row in rows]
    others = [value for row in rows for number, value in enumerate(row["secs"]) if number != row["voice"]]
    found = {
        "n": len(rows),
        "cer_of_recordings": np.mean([row["real_cer"] for row in rows]),
        "cer": np.mean([row["cer"] for row in rows]),
        "secs_ceiling": np.nanmean([row["real_secs"] for row in rows]),
        "secs": np.nanmean(own),
        "secs_to_others": np.nanmean(others) if others else float("nan"),
        "nearest_is_right": np.mean([np.nanargmax(np.nan_to_num(row["secs"], nan=-1)) == row["voice"] for row in rows]),
        "stopped": np.mean([row["stopped"] for row in rows]),
        "length_ratio": np.median([row["length"] for row in rows]),
    }
    return {name: round(float(value), 3) for name, value in found.items()}


def _heard(samples: np.ndarray) -> np.ndarray:
    return measures.at_level(soxr.resample(samples, crowd.RATE, measures.RATE).astype(np.float32))


if __name__ == "__main__":
    main()
