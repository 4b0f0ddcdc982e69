"""One definition of what is suspect, for the sentence that is spoken again and for the clip that is named."""

import math

import pytest
import torch
from xtts_cloning.model import hallucinations, texts
from xtts_cloning.speech import speaking
from xtts_cloning.speech.decoding import Decoded

TEXT = "x" * 50  # about 3.2 s in English


@pytest.mark.parametrize("seconds", [1.0, 9.9, 10.1, 20.0])
def test_what_is_spoken_again_is_what_is_named(model, seconds):
    codes = round(seconds * model.args.input_sample_rate / model.args.gpt_code_stride_len)
    decoded = Decoded(torch.zeros(codes, dtype=torch.long), torch.zeros(codes + 1, 64), True, 0.0)
    again = speaking.excess_seconds(decoded, TEXT, "en", model.args) > 0
    named = hallucinations.reasons(True, seconds, TEXT, "en", None, 0.1)
    assert again == bool(named) == (seconds > 2.5 * 3.2 + 2)


def test_the_limit_is_suspect_at_any_length(model):
    decoded = Decoded(torch.zeros(1, dtype=torch.long), torch.zeros(1, 64), False, 0.0)
    assert math.isinf(speaking.excess_seconds(decoded, TEXT, "en", model.args))
    assert hallucinations.reasons(False, 0.1, TEXT, "en", None, 0.1) == ["hit the token limit"]


def test_a_character_takes_longer_in_some_languages():
    assert hallucinations.expected_seconds(TEXT, "en") == pytest.approx(3.2)
    assert hallucinations.expected_seconds(TEXT, "ja") == pytest.approx(16 * 50 / 71)
    assert texts.character_limit("zh-cn") == 82 and texts.character_limit("hi") == 250


def test_cer_counts_from_far_above_the_recordings():
    assert hallucinations.reasons(True, 3.0, TEXT, "en", 0.6, 0.1) == []
    assert hallucinations.reasons(True, 3.0, TEXT, "en", 0.61, 0.1) == ["CER 0.61, recordings 0.10"]
