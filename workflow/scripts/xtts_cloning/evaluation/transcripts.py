"""Who said what when: speech recognition, and the error rates of what it heard against the text."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jiwer
import numpy as np

from xtts_cloning.evaluation.measures import RATE, Unmeasurable

# Both sides go through this before they are compared, as in seed-tts-eval: lower case, no punctuation but the
# apostrophe, single spaces. Dashes become spaces: pocketsphinx's dictionary has no hyphenated words.
NORMALISATION = "lower case; dashes to spaces; no punctuation except the apostrophe; single spaces; numbers as written"


class Word(NamedTuple):
    """One recognised word and when it was said, seconds."""

    text: str
    start: float
    end: float


Recogniser = Callable[[np.ndarray], list[Word]]


def recogniser(asr: str, language: str, folder: Path | None = None, device: str = "cpu") -> Recogniser:
    """A function from samples [n] at RATE to words; `folder` holds Whisper where `asr` is whisper."""
    return _whisper(folder, language, device) if asr == "whisper" else _pocketsphinx(language)


def _pocketsphinx(language: str) -> Recogniser:
    """US English, from the models in pocketsphinx's wheel."""
    if language != "en":

        def refuse(samples: np.ndarray) -> list[Word]:
            raise Unmeasurable(f"pocketsphinx knows English only, not {language}: set evaluation.asr to whisper")

        return refuse

    from pocketsphinx import Decoder

    # The search's limits save a third of the time, half of it on noise; CER of real speech changes by less than 0.01.
    decoder = Decoder(samprate=RATE, loglevel="FATAL", maxwpf=10, maxhmmpf=5000)

    def listen(samples: np.ndarray) -> list[Word]:
        decoder.reinit_feat()  # forgets the clip before: its channel estimate would colour this one
        decoder.start_utt()
        decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        spoken = [s for s in decoder.seg() or () if s.word[0] not in "<["]  # not <sil> or [NOISE]
        return [Word(s.word.split("(")[0], s.start_frame / 100, (s.end_frame + 1) / 100) for s in spoken]

    return listen


def _whisper(folder: Path, language: str, device: str) -> Recogniser:
    """Whisper (openai/whisper-large-v3) from a local folder, greedy, in the language of the text."""
    import torch
    from transformers import AutoProcessor, WhisperForConditionalGeneration, pipeline

    precision = torch.float16 if device == "cuda" else torch.float32
    model = WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True, torch_dtype=precision)
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    listener = pipeline(
        "automatic-speech-recognition",
        model=model.to(device),
        tokenizer=processor.tokenizer,
        feature_extractor=processor.feature_extractor,
        chunk_length_s=30,
        device=device,
        torch_dtype=precision,
    )
    options = {"language": language.split("-")[0], "task": "transcribe", "num_beams": 1, "do_sample": False}

    def listen(samples: np.ndarray) -> list[Word]:
        heard = listener(samples.copy(), return_timestamps="word", generate_kwargs=options)
        spans = [(chunk["text"], *chunk["timestamp"]) for chunk in heard["chunks"]]
        return [Word(text.strip(), start or 0.0, end or start or 0.0) for text, start, end in spans if text.strip()]

    return listen


def normalise(text: str) -> str:
    """The text as it is compared: see NORMALISATION."""
    text = re.sub(r"[`\u00b4\u2018\u2019]", "'", text.lower())
    text = re.sub(r"[-/\u2010-\u2015]", " ", text)
    text = "".join(c for c in text if c == "'" or unicodedata.category(c)[0] not in "PS")
    text = re.sub(r"(?<!\w)'|'(?!\w)", "", text)  # those that are quote marks
    return " ".join(text.split())


def error_rates(text: str, heard: str) -> tuple[float, float]:
    """CER and WER of what was heard against the text, both normalised; jiwer. Above 1 where far more was heard."""
    truth, hypothesis = normalise(text), normalise(heard)
    if not truth:
        raise Unmeasurable("the text holds no letters or digits")
    return jiwer.cer(truth, hypothesis), jiwer.wer(truth, hypothesis)


def windowed_cer(text: str, words: list[Word], edges: list[float]) -> list[float | Unmeasurable]:
    """CER in each window [edges[i], edges[i + 1]) seconds; Unmeasurable where no word of the text belongs.

    The heard words are aligned with the text's (jiwer); a word of the text belongs where the word it is aligned with
    was heard, a missed one where the word before it was.
    """
    truth = normalise(text).split()
    spoken = [(part, word) for word in words for part in normalise(word.text).split()]
    middles = [(word.start + word.end) / 2 for _, word in spoken]
    places = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2).tolist()
    belongs = _places_of_text(" ".join(truth), " ".join(part for part, _ in spoken), places)
    rates: list[float | Unmeasurable] = []
    for window in range(len(edges) - 1):
        expected = " ".join(word for word, place in zip(truth, belongs, strict=True) if place == window)
        heard = " ".join(part for (part, _), place in zip(spoken, places, strict=True) if place == window)
        rates.append(jiwer.cer(expected, heard) if expected else Unmeasurable("no word of the text belongs here"))
    return rates


def _places_of_text(truth: str, heard: str, places: list[int]) -> list[int]:
    """The window of each word of the text, from the windows of the heard words."""
    belongs: list[int] = []
    for chunk in jiwer.process_words(truth, heard).alignments[0]:
        for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
            if chunk.type == "delete":
                belongs.append(belongs[-1] if belongs else 0)
            else:
                belongs.append(places[chunk.hyp_start_idx + offset])
    return belongs
