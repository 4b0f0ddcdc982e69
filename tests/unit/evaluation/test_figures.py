"""Pictures of clips: what they show, how large they are, and that they repeat."""

import io

import numpy as np
import pytest
import voices
from PIL import Image
from xtts_cloning.evaluation import figures, measures
from xtts_cloning.evaluation.measures import RATE


def picture(samples, f0=None):
    data = figures.spectrogram(samples, np.full(1, np.nan) if f0 is None else f0)
    return data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def spoken():
    return voices.say(voices.SENTENCES[0])


def test_size_bytes_and_repetition(spoken):
    f0 = measures.f0_track(spoken)
    data, pixels = picture(spoken, f0)
    assert pixels.shape == (figures.HEIGHT, figures.WIDTH, 3)
    assert 1000 < len(data) < 14_000
    assert figures.spectrogram(spoken, f0) == data


def test_a_tone_is_a_line_at_its_place_on_the_mel_axis():
    time = np.arange(2 * RATE) / RATE
    brightest = []
    for hertz in (500, 4000):
        _, pixels = picture(np.sin(2 * np.pi * hertz * time).astype(np.float32) * 0.1)
        brightest.append(pixels.sum(axis=2).mean(axis=1).argmax() / figures.HEIGHT)
    mel = [2595 * np.log10(1 + hertz / 700) for hertz in (500, 4000, 8000)]
    assert brightest[0] == pytest.approx(1 - mel[0] / mel[2], abs=0.06)
    assert brightest[1] == pytest.approx(1 - mel[1] / mel[2], abs=0.06)


def test_the_contour_lies_where_the_pitch_is_and_breaks_where_there_is_none():
    low, high = measures.F0_HZ
    f0 = np.full(100, np.nan)
    f0[:50] = np.sqrt(low * high)  # half way up the log scale
    silence = np.random.default_rng(0).normal(0, 1e-3, 2 * RATE).astype(np.float32)
    plain, drawn = picture(silence)[1], picture(silence, f0)[1]
    changed = np.abs(plain - drawn).sum(axis=2) > 60
    rows, columns = np.nonzero(changed)
    assert np.median(rows) == pytest.approx(figures.HEIGHT / 2, abs=3)
    assert columns.max() < figures.WIDTH * 0.55
    assert len(set(columns)) > figures.WIDTH * 0.4


def test_silence_has_a_picture_too():
    assert picture(np.zeros(RATE, np.float32))[1].shape == (figures.HEIGHT, figures.WIDTH, 3)


def test_the_words_beside_the_picture():
    text = figures.description("zero_shot", "Hello.", 1.25, np.array([np.nan, 100.0, 200.0, 300.0]))
    assert "zero shot saying “Hello.”" in text
    assert "over 1.2 s" in text
    assert "median 200 Hz" in text
    assert "no pitch found" in figures.description("finetuned", "Hello.", 1.25, np.array([np.nan]))
