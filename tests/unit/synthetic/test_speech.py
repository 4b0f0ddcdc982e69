"""What flite speaks for the demo's model; skipped where flite is not installed."""

import numpy as np
import pytest
from xtts_cloning.errors import UserError
from xtts_cloning.synthetic import corpus, crowd, flite

TEXT = "the old baker carried seven boxes up the hill"


@pytest.fixture(scope="module", autouse=True)
def installed():
    try:
        flite.speak("hello", "slt")
    except UserError as error:
        pytest.skip(str(error))


def pitches(samples: np.ndarray, rate: int) -> np.ndarray:
    """Hz of each voiced piece of 80 ms, by autocorrelation."""
    size, found = int(0.08 * rate), []
    for start in range(0, len(samples) - size, size // 2):
        piece = samples[start : start + size] - samples[start : start + size].mean()
        likeness = np.correlate(piece, piece, "full")[size - 1 :]
        lag = rate // 350 + likeness[rate // 350 : rate // 60].argmax()
        if np.mean(piece**2) > 1e-4 and likeness[lag] > 0.5 * likeness[0]:
            found.append(rate / lag)
    return np.array(found)


@pytest.mark.parametrize("voice", flite.VOICES)
def test_every_voice_keeps_the_pitch_that_is_asked_for(voice):
    spoken = flite.speak(TEXT, voice, pitch=93.75)
    assert np.median(pitches(spoken.samples, spoken.rate)) == pytest.approx(93.75, rel=0.02)
    assert spoken.words == len(TEXT.split())
    assert [phone.end for phone in spoken.phones] == sorted(phone.end for phone in spoken.phones)


def test_a_speaker_has_its_own_tract_and_its_pitch():
    low, high = (crowd.Speaker("awb", tract, 1, 0.0, 1000, 0.0) for tract in (0.9, 1.1))
    one, other = crowd.speak(TEXT, low), crowd.speak(TEXT, high)
    for utterance in (one, other):
        assert np.median(pitches(utterance.samples, crowd.RATE)) == pytest.approx(93.75, rel=0.02)
        assert utterance.phones[-1].end <= len(utterance.samples) / crowd.RATE + 0.01
    assert len(one.samples) == pytest.approx(len(other.samples), rel=0.1)


def test_a_clips_slots_tell_what_is_said():
    speaker = crowd.Speaker("kal16", 1.0, 2, 0.0, 1000, 0.0)
    clip = corpus.make_clip(crowd.speak(TEXT, speaker), TEXT, "anybody")
    assert len(clip.mel) == len(clip.phones) == len(clip.words) == len(clip.places)
    assert list(dict.fromkeys(clip.words)) == list(range(len(TEXT.split())))
    assert corpus.PHONES[clip.phones[0]] in ("pau", "dh")
