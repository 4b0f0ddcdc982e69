"""Conditioning latents are the library's, for any recording."""

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from xtts_cloning.errors import UserError
from xtts_cloning.model import latents

CASES = [
    {"gpt_cond_len": 30, "gpt_cond_chunk_len": 4, "max_ref_len": 30, "sound_norm_refs": False},  # a last chunk of 0.2 s
    {"gpt_cond_len": 3, "gpt_cond_chunk_len": 2, "max_ref_len": 2, "sound_norm_refs": False},
    {"gpt_cond_len": 6, "gpt_cond_chunk_len": 6, "max_ref_len": 10, "sound_norm_refs": True},
]


def of_library(library_model, path, case):
    options = {**case, "max_ref_length": case["max_ref_len"]}
    options.pop("max_ref_len")
    return library_model.get_conditioning_latents(audio_path=str(path), **options)


@pytest.mark.parametrize("case", CASES)
def test_equal_to_the_librarys(model, library_model, voice_wav, case):
    ours = latents.conditioning(model, voice_wav, case)
    theirs = of_library(library_model, voice_wav, case)
    assert ours[0].shape == (1, 32, 64) and ours[1].shape == (1, 512, 1)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])


def test_the_lengths_matter(model, voice_wav):
    first, second = (latents.conditioning(model, voice_wav, case) for case in CASES[:2])
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])


@pytest.mark.parametrize("suffix, rate, channels", [("wav", 44100, 2), ("flac", 16000, 1), ("mp3", 48000, 2)])
def test_other_formats_rates_and_channels(model, library_model, voice_wav, tmp_path, suffix, rate, channels):
    samples, _ = soundfile.read(voice_wav)
    times = np.arange(0, len(samples) / 22050, 1 / rate)
    resampled = np.interp(times, np.arange(len(samples)) / 22050, samples)
    path = tmp_path / f"voice.{suffix}"
    soundfile.write(path, np.stack([resampled] * channels, 1), rate)
    ours = latents.conditioning(model, path, CASES[0])
    theirs = of_library(library_model, path, CASES[0])
    for mine, other in zip(ours, theirs, strict=True):
        assert F.cosine_similarity(mine.flatten(), other.flatten(), 0) > 0.999


def test_computed_once_for_a_content(model, voice_wav, tmp_path):
    first = latents.conditioning(model, voice_wav, CASES[0])
    copy = tmp_path / "copy.wav"
    copy.write_bytes(voice_wav.read_bytes())
    assert latents.conditioning(model, copy, CASES[0])[0] is first[0]
    samples, rate = soundfile.read(voice_wav)
    soundfile.write(copy, samples[::-1], rate)
    assert not torch.equal(latents.conditioning(model, copy, CASES[0])[0], first[0])


def test_a_reference_that_is_too_short_is_told(model, tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full(11025, 0.1), 22050)
    with pytest.raises(UserError, match=r"short\.wav: a reference of 0\.50 s is too short"):
        latents.conditioning(model, path, CASES[0])


def test_a_silent_reference_is_told(model, tmp_path):
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(44100), 22050)
    with pytest.raises(UserError, match="silent"):
        latents.conditioning(model, path, CASES[0])


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_channels_that_cancel_when_mixed_down_are_silent(model, tmp_path, suffix):
    path = tmp_path / f"cancelled.{suffix}"
    noise = np.random.default_rng(0).normal(size=2 * 44100) * 0.1
    soundfile.write(path, np.stack([noise, -noise], 1), 44100)
    with pytest.raises(UserError, match=r"cancelled\..*silent.*mixed down"):
        latents.conditioning(model, path, CASES[0])
