"""Held to the library's HifiDecoder, and to itself: pieces, neighbours and streams change nothing that can be heard."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from xtts_cloning.model.library import HifiDecoder
from xtts_cloning.speech import vocoder


@pytest.fixture(scope="module")
def model():
    """The library's vocoder; its upsampling made louder, since its initial weights give near silence."""
    torch.manual_seed(0)
    decoder = HifiDecoder(decoder_input_dim=64).eval()
    with torch.no_grad():
        for up in decoder.waveform_decoder.ups:
            up.parametrizations.weight.original0.mul_(4)
    return SimpleNamespace(hifigan_decoder=decoder)


@pytest.fixture(scope="module")
def speaker():
    return torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=torch.Generator().manual_seed(1)), dim=1)


def latents(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(length, 64, generator=generator) for length in lengths]


@torch.inference_mode()
def library(model, each: torch.Tensor, speaker: torch.Tensor) -> np.ndarray:
    return model.hifigan_decoder(each[None], g=speaker)[0, 0].numpy()


@pytest.mark.parametrize("length", [1, 2, 17])
def test_audio_is_the_librarys(model, speaker, length):
    (each,) = latents(length)
    expected, audio = library(model, each, speaker), vocoder.vocode(model, each, speaker)
    assert audio.dtype == np.float32 and audio.shape == expected.shape
    assert expected.std() > 0.05 and np.abs(expected).max() < 0.95  # neither silent nor saturated
    assert np.abs(audio - expected).max() < 1e-5


def test_pieces_make_the_same_audio(model, speaker, monkeypatch):
    monkeypatch.setattr(vocoder, "PIECE", 64)
    monkeypatch.setattr(vocoder, "SHORT_PIECE", 48)
    (each,) = latents(24)
    assert len(list(vocoder._pieces(0, 104))) > 2
    assert np.abs(vocoder.vocode(model, each, speaker) - library(model, each, speaker)).max() < 1e-5


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize("total", [*range(1, 80), *range(120, 400, 7), 511, 512, 513, 1024, 2607])
def test_pieces_cover_all_frames_once_and_keep_their_context(total, on_gpu):
    pieces = list(vocoder._pieces(0, total, on_gpu))
    assert [piece.keep_from for piece in pieces] == [0, *(piece.keep_to for piece in pieces[:-1])]
    assert pieces[-1].keep_to == total
    for piece in pieces:
        assert 0 <= piece.start <= piece.keep_from < piece.keep_to <= piece.stop <= total
        assert piece.stop - piece.start <= (vocoder.GPU_PIECE if on_gpu else vocoder.PIECE)
        assert piece.start == 0 or piece.keep_from - piece.start >= vocoder.CONTEXT
        assert piece.stop == total or piece.stop - piece.keep_to >= vocoder.CONTEXT


def test_a_sample_depends_on_no_more_than_its_context(model, speaker):
    z = torch.randn(64, 48, generator=torch.Generator().manual_seed(3))
    changed = z.clone()
    changed[:, 20] += 100
    with torch.inference_mode():
        first, second = (vocoder._generate(model.hifigan_decoder, [x], speaker)[0] for x in (z, changed))
    differing = torch.nonzero(first != second) // 256
    assert differing.min() >= 20 - vocoder.CONTEXT and differing.max() <= 20 + vocoder.CONTEXT


def test_utterances_of_any_length_are_computed_in_two_lengths_with_little_waste():
    lengths, computed, wanted = set(), 0, 0
    for total in range(60, 521):  # frames of 0.6 to 5.5 s
        padded = [vocoder._padded(piece.stop - piece.start, on_gpu=False) for piece in vocoder._pieces(0, total)]
        lengths |= set(padded)
        computed, wanted = computed + sum(padded), wanted + total
    assert lengths == {vocoder.SHORT_PIECE, vocoder.PIECE}
    assert wanted > 0.8 * computed


MEMORY = """
import sys
from types import SimpleNamespace
import torch
from xtts_cloning.model.library import HifiDecoder
from xtts_cloning.speech import vocoder
torch.set_num_threads(2)
model = SimpleNamespace(hifigan_decoder=HifiDecoder(decoder_input_dim=64).eval())
def peak():
    fields = dict(line.split(":") for line in open("/proc/self/status") if ":" in line)
    return int(fields["VmHWM"].split()[0]) // 1024
speaker, loaded = torch.randn(1, 512, 1), peak()
for length in (4, 24, 11, 31, 37, 43, 18):
    vocoder.vocode(model, torch.randn(length, 64), speaker)
    print(peak() - loaded)
"""


def test_memory_does_not_grow_with_the_number_of_lengths():
    """A process of its own, which has prepared nothing yet; 1.0 to 1.7 GB for each length with AVX-512 otherwise."""
    path = os.pathsep.join(sys.path)
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    megabytes = [int(line) for line in ran.stdout.split()]
    assert megabytes[-1] < 800, megabytes
    assert megabytes[-1] - megabytes[3] < 150, megabytes  # both lengths of piece are prepared by then


@pytest.mark.parametrize("order", [torch.channels_last, torch.contiguous_format])
def test_audio_is_the_librarys_in_each_layout(model, speaker, monkeypatch, order):
    monkeypatch.setattr(vocoder, "layout", lambda decoder, dtype: order)
    (each,) = latents(9)
    assert np.abs(vocoder.vocode(model, each, speaker) - library(model, each, speaker)).max() < 1e-5


@pytest.mark.parametrize(
    ("last", "first", "chosen"), [(1.0, 0.5, "contiguous"), (1.0, 0.9, "last"), (0.5, 1.0, "last")]
)
def test_a_gpu_s_layout_is_the_quicker_one_there(monkeypatch, last, first, chosen):
    took = {torch.channels_last: last, torch.contiguous_format: first}
    monkeypatch.setattr(vocoder, "_layouts", {})
    monkeypatch.setattr(vocoder, "_seconds", lambda decoder, dtype, order: took[order])
    gpu = SimpleNamespace(device=torch.device("cuda"))
    assert chosen in str(vocoder.layout(gpu, torch.float32))
    took |= {torch.channels_last: first, torch.contiguous_format: last}
    assert chosen in str(vocoder.layout(gpu, torch.float32)), "timed again"


@pytest.mark.parametrize("at_once", [1, 3])
def test_bytes_do_not_depend_on_neighbours(model, speaker, monkeypatch, at_once):
    monkeypatch.setattr(vocoder, "_pieces_at_once", lambda device: at_once)
    several = latents(5, 9, 6, 5, 7)
    together = vocoder.vocode_all(model, several, speaker)
    for each, audio in zip(several, together, strict=True):
        assert np.array_equal(vocoder.vocode(model, each, speaker), audio)


@pytest.mark.parametrize("chunk", [2, 7, 100])
def test_stream_gives_the_same_audio_at_linear_cost(model, speaker, monkeypatch, chunk):
    computed = []
    generate = vocoder._generate
    monkeypatch.setattr(vocoder, "_generate", lambda d, z, s: computed.append(z[0].shape[-1]) or generate(d, z, s))
    (each,) = latents(20)
    parts = list(vocoder.stream(model, each.split(chunk), speaker))
    assert len(parts) == len(computed) and (chunk == 100 or len(parts) > 2)
    assert np.abs(np.concatenate(parts) - library(model, each, speaker)).max() < 1e-5
    frames = len(np.concatenate(parts)) // 256
    assert sum(computed) <= frames + 2 * vocoder.CONTEXT * len(parts)


def test_half_precision_stays_40_db_below_the_signal(model, speaker):
    (each,) = latents(6)
    exact, coarse = (vocoder.vocode(model, each.to(dtype), speaker) for dtype in (torch.float32, torch.bfloat16))
    assert coarse.dtype == np.float32 and not np.array_equal(exact, coarse)
    assert 20 * np.log10((coarse - exact).std() / exact.std()) < -40
