"""A real recording whose truth is known: what is kept of it, and whether its clips' texts are what is said in them."""

from typing import NamedTuple

import jiwer
import numpy as np
import pytest
import soundfile
import soxr
import truth
from xtts_cloning.curation import decoding, pauses, recognition, script, sentences
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.transcripts import normalise
from xtts_cloning.evaluation.whisper import Whisper

RATE = decoding.RATE


class Recognised(NamedTuple):
    said: list[truth.Said]
    pcm: np.ndarray
    spans: list[pauses.Span]
    words: recognition.Words
    language: list[float]
    alone: float  # CER of the recogniser on the truth's own clips


@pytest.fixture(scope="module")
def recognised(ljspeech_archive, asr_model, tmp_path_factory) -> Recognised:
    folder = tmp_path_factory.mktemp("recognised")
    clips = truth.ljspeech(ljspeech_archive, 10)
    # pauses that may be cut: in so short a recording, two long sentences that are spoken as one are half of it
    track = truth.strung([("lj", text, samples) for text, samples in clips], pauses=(0.4, 1.5))
    soundfile.write(folder / "a.wav", track.samples, RATE)
    decoding.decode(folder / "a.wav", folder / "a.pcm")
    pcm = decoding.samples(folder / "a.pcm")
    spans = pauses.spans(pcm, min_pause_seconds=0.3)
    whisper = Whisper(asr_model, "en", "cpu", threads=2)
    words, language = recognition.words_of_spans(pcm, spans, whisper.listen, folder / "words.jsonl", lambda _: None)

    def refuse(samples):
        raise AssertionError("what a killed run has recognised is recognised again")

    again = recognition.words_of_spans(pcm, spans, refuse, folder / "words.jsonl", lambda _: None)
    assert again == (words, language)
    alone = [
        (
            normalise(text),
            normalise(" ".join(w.text for w in whisper.listen(soxr.resample(samples, RATE, 16_000)).words)),
        )
        for text, samples in clips
    ]
    return Recognised(track.said, pcm, spans, words, language, jiwer.cer(*map(list, zip(*alone, strict=True))))


def divided(recognised: Recognised, parts: list[script.Part]) -> list[tuple[int, int, str]]:
    """First and last span of each clip, and its text."""
    pieces = [
        sentences.Piece(span.start / RATE, span.end / RATE, *part)
        for span, part in zip(recognised.spans, parts, strict=True)
    ]
    clips = sentences.divide(pieces, (2.0, 11.0), 1.0, lambda first, last: True)
    return [(first, last, " ".join(p.text for p in pieces[first : last + 1])) for first, last in clips]


def truths(recognised: Recognised, clips) -> list[tuple[str, str]]:
    """(truth, text) of the clips that begin and end where sentences of the truth do."""
    starts = {}
    for place, said in enumerate(recognised.said):  # one after a pause that is too short to cut has no span of its own
        starts |= {n: place for n, span in enumerate(recognised.spans) if abs(span.start / RATE - said.start) < 0.2}
    starts[len(recognised.spans)] = len(recognised.said)
    return [
        (" ".join(said.text for said in recognised.said[starts[first] : starts[last + 1]]), text)
        for first, last, text in clips
        if first in starts and last + 1 in starts
    ]


def kept_share(recognised: Recognised, clips) -> float:
    kept = sum(recognised.spans[last].end - recognised.spans[first].start for first, last, _ in clips) / RATE
    return kept / sum(said.end - said.start for said in recognised.said)


def test_with_a_script_the_texts_are_exact(recognised):
    whole = " ".join(said.text for said in recognised.said)
    clips = divided(recognised, script.parts(whole, recognised.words, "en", "a.wav"))
    compared = truths(recognised, clips)
    assert 2 * len(compared) > len(clips)  # the others begin or end at a pause inside a sentence
    assert [text for _, text in compared] == [truth_text for truth_text, _ in compared]
    assert kept_share(recognised, clips) >= 0.9


def test_without_one_they_are_no_worse_than_the_recogniser_on_the_truth_itself(recognised):
    parts = [script.Part(" ".join(word.text for word in spoken), True, True) for spoken in recognised.words]
    clips = divided(recognised, parts)
    compared = [(normalise(truth_text), normalise(text)) for truth_text, text in truths(recognised, clips)]
    assert 2 * len(compared) > len(clips)  # the others begin or end at a pause inside a sentence
    assert jiwer.cer(*map(list, zip(*compared, strict=True))) <= recognised.alone + 0.01
    assert kept_share(recognised, clips) >= 0.9


def test_words_have_probabilities_and_the_language_is_known(recognised):
    assert all(0 < word.probability <= 1 for spoken in recognised.words for word in spoken)
    assert set(recognised.language) == {1.0}


def test_an_english_model_refuses_another_language(asr_model, tmp_path):
    with pytest.raises(UserError, match="English only"):
        Whisper(asr_model, "de", "cpu", threads=1)
    with pytest.raises(UserError, match=r"model\.bin"):
        Whisper(tmp_path, "en", "cpu", threads=1)
