"""The measures of one clip: what must hold of them whatever the library does, and what real recordings show."""

import numpy as np
import pytest
import voices
from xtts_cloning.evaluation import measures
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.evaluation.measures import HOP, RATE, Unmeasurable, attempt


@pytest.fixture(scope="module")
def spoken():
    return measures.at_level(voices.say(voices.SENTENCES[0]))


@pytest.fixture(scope="module")
def other_voice():
    return measures.at_level(voices.say(voices.SENTENCES[0], "en-gb-scotland", 20))


def tone(hertz: float, seconds: float = 2.0) -> np.ndarray:
    """A buzz of ten harmonics that swells and fades."""
    time = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 11))
    return measures.at_level((buzz * np.hanning(len(time))).astype(np.float32))


def test_all_clips_come_to_one_level(spoken):
    quiet = measures.at_level(spoken * 0.03)
    assert measures.audio.level_dbfs(quiet) == pytest.approx(measures.LEVEL_DBFS, abs=1e-3)
    np.testing.assert_allclose(quiet, spoken, atol=1e-6)


def test_a_click_is_not_driven_over_full_scale():
    click = np.zeros(RATE, np.float32)
    click[100] = 0.5
    assert np.abs(measures.at_level(click)).max() == pytest.approx(1.0)


def test_gain_moves_loudness_and_nothing_else(spoken, other_voice):
    quieter = measures.at_level(spoken * 0.25)
    for measure in (measures.dnsmos, measures.plcmos):
        assert measure(quieter) == pytest.approx(measure(spoken), abs=1e-3)
    distance = measures.mel_cepstral_distance(spoken, other_voice)
    assert measures.mel_cepstral_distance(quieter, other_voice) == pytest.approx(distance, abs=0.02)
    np.testing.assert_allclose(measures.f0_track(quieter), measures.f0_track(spoken), rtol=1e-3)
    assert measures.loudness(spoken) - measures.loudness(spoken * 0.25) == pytest.approx(12.04, abs=0.05)


def test_identical_audio_has_distance_zero(spoken, other_voice):
    f0, pairs = measures.f0_track(spoken), measures.alignment(spoken, spoken)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert measures.mel_cepstral_distance(spoken, spoken) == 0
    assert measures.f0_rmse_cents(f0, f0, pairs) == 0
    assert measures.voicing_error(f0, f0, pairs) == 0
    assert measures.mel_cepstral_distance(spoken, other_voice) > 1


def test_f0_error_is_in_cents():
    low, high = tone(200), tone(200 * 2 ** (3 / 12))
    tracks = measures.f0_track(low), measures.f0_track(high)
    assert np.nanmedian(tracks[0]) == pytest.approx(200, rel=0.005)
    diagonal = np.repeat(np.arange(len(tracks[0]))[:, None], 2, axis=1)
    assert measures.f0_rmse_cents(*tracks, diagonal) == pytest.approx(300, abs=10)


def test_alignment_follows_a_delay():
    sentence = voices.say(voices.SENTENCES[1])
    late = np.concatenate([voices.noisy(sentence, 40)[: 20 * HOP] * 0, sentence])
    f0, f0_late = measures.f0_track(sentence), measures.f0_track(late)
    pairs = measures.alignment(late, sentence)
    assert measures.f0_rmse_cents(f0_late, f0, pairs) < 60
    assert measures.voicing_error(f0_late, f0, pairs) < 0.1
    unaligned = np.repeat(np.arange(len(f0))[:, None], 2, axis=1)
    assert measures.voicing_error(f0_late, f0, unaligned) > 0.2


def test_voicing_error_counts_frames_voiced_in_one_clip_only():
    voiced, half = np.full(40, 150.0), np.where(np.arange(40) < 30, 150.0, np.nan)
    diagonal = np.repeat(np.arange(40)[:, None], 2, axis=1)
    assert measures.voicing_error(voiced, half, diagonal) == 0.25
    with pytest.raises(Unmeasurable, match="0 aligned frames are voiced in both"):
        measures.f0_rmse_cents(voiced, np.full(40, np.nan), diagonal)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(2 * RATE, np.float32), "silent"),
        (np.ones(RATE // 4, np.float32) * 0.1, "0.25 s of audio, under 0.5 s"),
    ],
)
def test_silence_and_shreds_have_a_reason_instead_of_a_number(samples, reason):
    levelled = attempt(measures.at_level, samples)
    for measure in (measures.dnsmos, measures.plcmos, measures.f0_track):
        found = attempt(measure, levelled)
        assert isinstance(found, Unmeasurable)
        assert reason in str(found)
    assert isinstance(attempt(measures.loudness, samples), Unmeasurable)


def test_plcmos_repeats_and_leaves_the_global_random_state_alone(spoken):
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    assert measures.plcmos(spoken) == measures.plcmos(spoken)
    assert np.random.random() == expected


def test_noise_lowers_the_quality_of_real_speech(real_clips):
    for _, samples in list(real_clips.values())[:2]:
        clean, noise = measures.at_level(samples), measures.at_level(voices.noisy(samples, 10))
        assert all(np.subtract(measures.dnsmos(clean), measures.dnsmos(noise)) > (0.5, 0.3))
        assert measures.plcmos(clean) - measures.plcmos(noise) > 0.5


def test_real_speech_is_nearer_to_itself_in_noise_than_to_other_words(real_clips):
    (_, first), (_, second), *_ = real_clips.values()
    truth, degraded, other = map(measures.at_level, (first, voices.noisy(first, 20), second))
    near = measures.mel_cepstral_distance(degraded, truth)
    assert 0 < near < measures.mel_cepstral_distance(other, truth)


def test_every_measure_says_what_it_is_good_for_and_not():
    for name, measure in MEASURES.items():
        assert measure.better in ("higher", "lower", None), name
        for text in (measure.label, measure.library, measure.good_for, measure.not_for):
            assert len(text) > 3, name
        assert measure.compared_with is None or len(measure.compared_with) > 3, name
