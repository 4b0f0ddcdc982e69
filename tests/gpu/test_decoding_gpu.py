"""The engine on CUDA: the CPU's codes, graphs or none, neighbours, half precision, streams."""

from types import SimpleNamespace

import library_gpt
import numpy as np
import pytest
import torch
from xtts_cloning.model import attention
from xtts_cloning.model.library import HifiDecoder
from xtts_cloning.speech import decoding, slots, vocoder

pytestmark = pytest.mark.gpu
VALUES = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0}
VALUES |= {"precision": "fp32", "batch_size": 4}
LENGTHS = [12, 55, 1, 7, 30, 40, 3, 22, 18, 80, 9, 5, 14, 33, 48, 2]


@pytest.fixture(scope="module")
def models():
    """The same weights on the CPU and on the GPU."""
    on_cpu, on_gpu = library_gpt.make(stop_bias=1.0), library_gpt.make(stop_bias=1.0)
    on_gpu.gpt.cuda()
    for model in (on_cpu, on_gpu):
        torch.manual_seed(0)
        model.hifigan_decoder = HifiDecoder(decoder_input_dim=64).eval()
        with torch.no_grad():
            for up in model.hifigan_decoder.waveform_decoder.ups:
                up.parametrizations.weight.original0.mul_(4)
    on_gpu.hifigan_decoder.cuda()
    return SimpleNamespace(cpu=on_cpu, gpu=on_gpu)


@pytest.fixture(autouse=True)
def exact_products():
    """No TF32."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize("graphs", [True, False])
def test_greedy_codes_are_the_cpus(models, monkeypatch, graphs):
    monkeypatch.setattr(slots, "GRAPHS", graphs)
    monkeypatch.setattr(decoding, "_idle", {})
    requests = library_gpt.requests(models.cpu, LENGTHS, max_new_tokens=60)
    expected = decoding.decode(models.cpu, requests, VALUES, do_sample=False)
    decoded = decoding.decode(models.gpu, requests, VALUES, do_sample=False)
    for result, wanted in zip(decoded, expected, strict=True):
        assert torch.equal(result.codes, wanted.codes) and result.stopped == wanted.stopped
        difference = torch.linalg.norm(result.latents.cpu() - wanted.latents)
        assert difference < 1e-4 * torch.linalg.norm(wanted.latents)
    (kept,) = decoding._idle[models.gpu.gpt].popitem()[1]
    assert bool(kept.graphs) == graphs


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_bytes_depend_neither_on_neighbours_nor_on_graphs(models, monkeypatch, precision):
    values = VALUES | {"precision": precision}
    requests = library_gpt.requests(models.cpu, LENGTHS, max_new_tokens=150)  # more than one span of positions
    expected = decoding.decode(models.gpu, requests, values)
    others = library_gpt.requests(models.cpu, [200, 4, 25, 11, 2], max_new_tokens=200, seed=2)
    among_others = decoding.decode(models.gpu, [*others, *reversed(requests)], values)[len(others) :][::-1]
    alone = [decoding.decode(models.gpu, [request], values)[0] for request in requests[:3]]
    monkeypatch.setattr(slots, "GRAPHS", False)
    monkeypatch.setattr(decoding, "_idle", {})
    without_graphs = decoding.decode(models.gpu, requests, values)
    for results in (among_others, alone, without_graphs):
        for result, wanted in zip(results, expected, strict=False):
            assert torch.equal(result.codes, wanted.codes) and torch.equal(result.latents, wanted.latents)


@pytest.mark.parametrize(("precision", "decibels"), [("fp32", -80), ("bf16", -40), ("fp16", -40)])
def test_audio_is_the_cpus(models, precision, decibels):
    generator = torch.Generator().manual_seed(2)
    several = [torch.randn(length, 64, generator=generator) for length in (5, 40, 150, 6)]
    speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=generator), dim=1)
    dtype = decoding.precision(precision, torch.device("cuda"))
    on_gpu = [each.cuda().to(dtype) for each in several]
    together = vocoder.vocode_all(models.gpu, on_gpu, speaker)
    for each, latents, audio in zip(several, on_gpu, together, strict=True):
        expected = vocoder.vocode(models.cpu, each, speaker)
        assert 20 * np.log10((audio - expected).std() / expected.std()) < decibels
        assert np.array_equal(vocoder.vocode(models.gpu, latents, speaker), audio)


def test_kernels_are_compared_and_a_layout_is_timed(models, monkeypatch):
    monkeypatch.setattr(attention, "_seen", {})
    monkeypatch.setattr(decoding, "_idle", {})
    monkeypatch.setattr(vocoder, "_layouts", {})
    request = library_gpt.requests(models.cpu, [30], max_new_tokens=4)[0]
    for precision in ("fp32", "bf16", "fp16"):
        decoding.decode(models.gpu, [request], VALUES | {"precision": precision})
    told = attention.record(torch.device("cuda"))
    assert set(told) == {"causal, float32", "causal, bfloat16", "causal, float16"}
    assert all(found["fused"] == (found["difference"] < 0.06) for found in told.values())
    layout = vocoder.layout(models.gpu.hifigan_decoder, torch.float32)
    assert layout in (torch.channels_last, torch.contiguous_format)
    assert list(vocoder._layouts) == [(models.gpu.hifigan_decoder.device, torch.float32)]


def test_stream_gives_the_same_audio(models):
    request = library_gpt.requests(models.cpu, [30], max_new_tokens=100)[0]
    speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1)
    (whole,) = decoding.decode(models.gpu, [request], VALUES | {"batch_size": 1})
    chunks = decoding.stream(models.gpu, request, VALUES, chunk=10)
    audio = np.concatenate(list(vocoder.stream(models.gpu, chunks, speaker)))
    assert np.abs(audio - vocoder.vocode(models.gpu, whole.latents, speaker)).max() < 1e-5
