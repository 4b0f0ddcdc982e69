"""Speaker embeddings and their similarity (SECS). XTTS's own speaker encoder is never used: it would judge itself."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from xtts_cloning.evaluation.measures import RATE, Unmeasurable
from xtts_cloning.model import checkpoints

MIN_SPEECH_SECONDS = 0.8  # half of the 1.6 s window that resemblyzer was trained on

Embedder = Callable[[np.ndarray], np.ndarray]


def embedder(similarity: str, folder: Path | None = None, device: str = "cpu") -> Embedder:
    """A function from samples [n] at RATE to a unit vector; `folder` holds WavLM where `similarity` is wavlm."""
    return _wavlm(folder, device) if similarity == "wavlm" else _resemblyzer()


def _resemblyzer() -> Embedder:
    """GE2E embedding [256] of what the library's voice activity detection keeps, from the weights in its wheel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # scipy.ndimage.morphology
        from resemblyzer import VoiceEncoder, preprocess_wav
    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(samples: np.ndarray) -> np.ndarray:
        speech = preprocess_wav(samples)
        if len(speech) < MIN_SPEECH_SECONDS * RATE:
            raise Unmeasurable(f"{len(speech) / RATE:.1f} s of speech found, under {MIN_SPEECH_SECONDS} s")
        return encoder.embed_utterance(speech)

    return embed


def _wavlm(folder: Path, device: str) -> Embedder:
    """x-vector [512] of WavLM (microsoft/wavlm-base-plus-sv) from a local folder."""
    import torch
    from transformers import AutoFeatureExtractor, WavLMForXVector

    extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    weights = checkpoints.load(folder / "pytorch_model.bin")  # transformers would run whatever the pickle says
    model = WavLMForXVector.from_pretrained(folder, state_dict=weights, local_files_only=True).to(device).eval()

    def embed(samples: np.ndarray) -> np.ndarray:
        if len(samples) < MIN_SPEECH_SECONDS * RATE:
            raise Unmeasurable(f"{len(samples) / RATE:.1f} s of audio, under {MIN_SPEECH_SECONDS} s")
        inputs = extractor(samples, sampling_rate=RATE, return_tensors="pt").to(device)
        with torch.inference_mode():
            vector = model(**inputs).embeddings[0].float().cpu().numpy()
        return vector / np.linalg.norm(vector)

    return embed


def centroid(embeddings: list[np.ndarray]) -> np.ndarray:
    """The unit vector of the mean of unit vectors."""
    mean = np.mean(embeddings, axis=0)
    return mean / np.linalg.norm(mean)


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of two unit vectors."""
    return float(np.dot(one, other))
