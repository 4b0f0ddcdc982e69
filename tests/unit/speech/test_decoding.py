"""Held to the library: codes, latents, sampling; and to itself: bytes that depend on nothing but the request."""

import copy
import os
from dataclasses import replace
from functools import partial

import library_gpt
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from xtts_cloning.errors import UserError
from xtts_cloning.model import attention, library
from xtts_cloning.speech import decoding, gpt_step, sampling, slots, vocoder

VALUES = {
    "temperature": 0.75,
    "top_k": 50,
    "top_p": 0.85,
    "repetition_penalty": 5.0,
    "precision": "fp32",
    "batch_size": 4,
}
LENGTHS = [12, 55, 1, 7, 30, 40, 3, 22, 18, 80, 9, 5, 14, 33, 48, 2]


@pytest.fixture(scope="module")
def gpt():
    """Stops by itself after some codes, or not at all within a test's limit."""
    return library_gpt.make(stop_bias=1.0)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads cost more than they bring at this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["shapes of a CPU", "all slots", "shapes of a GPU"])
def shapes(request, monkeypatch):
    """The three ways in which rows are computed together, all on this CPU."""
    monkeypatch.setattr(decoding, "_idle", {})
    if request.param == "all slots":
        monkeypatch.setattr(gpt_step, "rows_alone", lambda network, most: False)
    if request.param == "shapes of a GPU":
        monkeypatch.setattr(slots, "_wants_fixed_shapes", lambda device: True)


def assert_like_library(model, requests, decoded, **options) -> None:
    for request, result in zip(requests, decoded, strict=True):
        codes, latents = library_gpt.generate(model, request, **options)
        assert result.stopped == (codes[-1] == model.gpt.stop_audio_token)
        assert torch.equal(result.codes, codes[:-1] if result.stopped else codes)
        assert result.latents.shape == latents.shape  # the stop code's row included
        assert torch.linalg.norm(result.latents - latents) < 1e-4 * torch.linalg.norm(latents)


@pytest.mark.parametrize("penalty", [1.0, 5.0])
def test_greedy_codes_and_latents_are_the_librarys(gpt, shapes, penalty):
    requests = library_gpt.requests(gpt, LENGTHS, max_new_tokens=24)
    decoded = decoding.decode(gpt, requests, VALUES | {"repetition_penalty": penalty}, do_sample=False)
    assert_like_library(gpt, requests, decoded, do_sample=False, repetition_penalty=penalty, max_new_tokens=24)
    assert len({tuple(result.codes.tolist()) for result in decoded}) == len(LENGTHS)


@pytest.mark.slow
def test_full_size_codes_and_latents_are_the_librarys(one_thread):
    """Slow: 441 million weights, made, packed and run by the library too; 4 GB of memory."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = library_gpt.make(layers=30, model_dim=1024, heads=16)
    requests = library_gpt.requests(model, LENGTHS, max_new_tokens=5)
    for some, count in ((requests, 16), (requests[:1], 1)):
        decoded = decoding.decode(model, some, VALUES | {"batch_size": count}, do_sample=False)
        assert_like_library(model, some, decoded, do_sample=False, repetition_penalty=5.0, max_new_tokens=5)


@pytest.mark.parametrize("split", [True, False])
def test_speech_is_that_of_the_librarys_inference(library_model, split):
    """From text to waveform, of a text longer than the library's 250 characters, in sentences and as a whole."""
    text = "The gulls had not yet begun their quarrel over the catch, and an old man sat on the wall. " * 3 + "He left."
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 32, library_model.gpt.model_dim, generator=generator)
    speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=generator), dim=1)
    options = {"do_sample": False, "repetition_penalty": 5.0, "max_new_tokens": 12, "enable_text_splitting": split}
    expected = library_model.inference(text, "en", latents, speaker, **options)

    sentences = library.split_sentence(text, "en", 250) if split else [text]
    assert len(sentences) == (2 if split else 1)
    ids = [torch.tensor(library_model.tokenizer.encode(s.strip().lower(), lang="en")) for s in sentences]
    requests = [decoding.Request(i, latents, 0, 12) for i in ids]
    decoded = [result.latents for result in decoding.decode(library_model, requests, VALUES, do_sample=False)]
    wanted = torch.from_numpy(expected["gpt_latents"][0])
    assert torch.linalg.norm(torch.cat(decoded) - wanted) < 1e-4 * torch.linalg.norm(wanted)
    audio = np.concatenate(vocoder.vocode_all(library_model, decoded, speaker))
    assert np.abs(audio - expected["wav"]).max() < 1e-5


def test_requests_that_stop_make_room_for_others(gpt):
    requests = library_gpt.requests(gpt, LENGTHS, max_new_tokens=40)
    decoded = decoding.decode(gpt, requests, VALUES)
    counts = {len(result.codes) for result in decoded if result.stopped}
    assert len(counts) > 2 and any(not result.stopped for result in decoded)
    for result in decoded:
        assert len(result.latents) == len(result.codes) + result.stopped <= 40
        assert gpt.gpt.stop_audio_token not in result.codes


def test_one_request_to_the_models_limit(gpt):
    """The library's max_length is 602 codes, whatever more the config asks for."""
    model = library_gpt.make(stop_bias=-100.0)
    request = library_gpt.requests(model, [20], max_new_tokens=5000)[0]
    decoded = decoding.decode(model, [request], VALUES | {"batch_size": 1}, do_sample=False)
    assert len(decoded[0].codes) == 602 and not decoded[0].stopped
    assert_like_library(model, [request], decoded, do_sample=False, repetition_penalty=5.0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_bytes_do_not_depend_on_neighbours(gpt, shapes, precision):
    values = VALUES | {"precision": precision}
    requests = library_gpt.requests(gpt, LENGTHS, max_new_tokens=12)
    expected = decoding.decode(gpt, requests, values)
    others = library_gpt.requests(gpt, [60, 4, 25, 11, 2], max_new_tokens=30, seed=2)
    among_others = decoding.decode(gpt, [*others, *reversed(requests)], values)[len(others) :][::-1]
    alone = [decoding.decode(gpt, [request], values)[0] for request in requests[:3]]
    for results in (among_others, alone):
        for result, wanted in zip(results, expected, strict=False):
            assert torch.equal(result.codes, wanted.codes) and torch.equal(result.latents, wanted.latents)


def test_number_of_slots_changes_no_byte_where_rows_stand_alone(gpt):
    if not gpt_step.rows_alone(gpt_step.network(gpt.gpt, torch.float32), 16):
        pytest.skip("this processor's matrix products depend on how many rows they have")
    requests = library_gpt.requests(gpt, LENGTHS, max_new_tokens=12)
    expected = decoding.decode(gpt, requests, VALUES)
    for count in (1, 3, 16):
        for result, wanted in zip(
            decoding.decode(gpt, requests, VALUES | {"batch_size": count}), expected, strict=True
        ):
            assert torch.equal(result.latents, wanted.latents)


def test_references_are_not_mixed_up(gpt):
    """The keys and values of a reference are kept for the next request with the same one, and for no other."""
    requests = library_gpt.requests(gpt, [9, 9, 9], max_new_tokens=8)
    requests = [
        replace(r, text_ids=requests[0].text_ids, latents=r.latents * k)
        for r, k in zip(requests, (1, 2, 1), strict=True)
    ]
    decoded = decoding.decode(gpt, requests, VALUES, do_sample=False)
    assert_like_library(gpt, requests, decoded, do_sample=False, repetition_penalty=5.0, max_new_tokens=8)
    assert not torch.equal(decoded[0].codes, decoded[1].codes) and torch.equal(decoded[0].codes, decoded[2].codes)


def test_seed_decides_what_is_drawn(gpt):
    request = library_gpt.requests(gpt, [20], max_new_tokens=20)[0]
    first, second, other = decoding.decode(gpt, [request, request, replace(request, seed=1)], VALUES)
    assert torch.equal(first.codes, second.codes) and not torch.equal(first.codes, other.codes)


def test_stream_yields_what_decode_returns(gpt):
    request = library_gpt.requests(gpt, [30], max_new_tokens=25)[0]
    whole = decoding.decode(gpt, [request], VALUES | {"batch_size": 1})[0].latents
    chunks = list(decoding.stream(gpt, request, VALUES, chunk=7))
    assert [len(chunk) for chunk in chunks[:-1]] == [7] * (len(chunks) - 1) and len(chunks) > 1
    assert torch.equal(torch.cat(chunks), whole)


def test_a_stream_that_is_left_disturbs_nobody(gpt):
    requests = library_gpt.requests(gpt, [30, 8], max_new_tokens=25)
    expected = decoding.decode(gpt, requests, VALUES | {"batch_size": 1})
    for _ in decoding.stream(gpt, requests[0], VALUES, chunk=3):
        break
    decoded = decoding.decode(gpt, requests, VALUES | {"batch_size": 1})
    assert all(torch.equal(a.latents, b.latents) for a, b in zip(decoded, expected, strict=True))


class Waits(TorchDispatchMode):
    """Notes the operations at which, on a GPU, the host and the device wait for each other, and tensors on the host."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.name()
        from_host = name == "aten::index_put_" and args[2].ndim == 0  # it copies a plain True, say, to the device
        if from_host or name in ("aten::_local_scalar_dense", "aten::nonzero"):
            self.found.append(name)
        result = operation(*args, **(kwargs or {}))
        if any(isinstance(x, torch.Tensor) and x.device.type == "cpu" for x in tree_flatten(result)[0]):
            self.found.append(f"{name} on the host")
        return result


@pytest.fixture
def waits_in_a_step(gpt, monkeypatch):
    """What a step on a GPU would wait for, found without one: on the meta device tensors hold no numbers, so that no
    value of theirs can be read, and what is on the host can be told from them."""
    monkeypatch.setattr(slots, "_wants_fixed_shapes", lambda device: True)
    monkeypatch.setattr(gpt_step, "_packs", lambda weight: False)
    made = slots.Slots(copy.deepcopy(gpt.gpt).to("meta"), torch.bfloat16, 4)

    def step(choose) -> list[str]:
        with torch.no_grad(), Waits() as waits:
            try:
                made._advance(made.slots, slots.SPAN, partial(choose, values=VALUES))
            except (RuntimeError, NotImplementedError) as error:
                waits.found.append(f"{type(error).__name__}: {error}")
        return waits.found

    return step


@pytest.mark.parametrize("do_sample", [True, False])
def test_a_step_can_become_a_cuda_graph(waits_in_a_step, do_sample):
    """A wait within a step does nothing wrong on a CPU, and on a GPU ends the capture with an error."""
    assert waits_in_a_step(partial(sampling.choose, do_sample=do_sample)) == []


def moves_to_the_host(logits, seen, noise, values):
    return logits.cpu().argmax(-1).to(logits.device)


def makes_a_tensor_on_the_host(logits, seen, noise, values):
    return (logits * torch.tensor([2.0])).argmax(-1)


def makes_a_number_on_the_host(logits, seen, noise, values):
    return (logits * torch.tensor(2.0)).argmax(-1)


def copies_from_the_host(logits, seen, noise, values):
    return torch.arange(len(logits)).to(logits.device)


def reads_a_value(logits, seen, noise, values):
    return logits.argmax(-1) + int(logits.max().item() > 1)


def branches_on_a_value(logits, seen, noise, values):
    return logits.argmax(-1) if seen.any() else logits.argmin(-1)


def takes_what_is_true(logits, seen, noise, values):
    return logits.argmax(-1) + len(logits[logits > 0])


def writes_a_plain_true(logits, seen, noise, values):
    code = logits.argmax(-1)
    seen[code, code] = True
    return code


@pytest.mark.parametrize(
    "choose",
    [
        moves_to_the_host,
        makes_a_tensor_on_the_host,
        makes_a_number_on_the_host,
        copies_from_the_host,
        reads_a_value,
        branches_on_a_value,
        takes_what_is_true,
        writes_a_plain_true,
    ],
)
def test_what_a_cuda_graph_cannot_hold_is_found(waits_in_a_step, choose):
    assert waits_in_a_step(choose)


@pytest.mark.parametrize("wrong", [True, False])
def test_no_kernel_is_given_a_mask_and_a_wrong_one_changes_no_code(gpt, shapes, monkeypatch, wrong):
    """torch 2.1.0's kernels are wrong for a mask with keys or values that are not contiguous."""
    kernel, calls = torch.nn.functional.scaled_dot_product_attention, []

    def watched(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False):
        calls.append(is_causal)
        assert attn_mask is None and all(tensor.stride(-1) == 1 for tensor in (q, k, v))
        return kernel(q, k, v, is_causal=is_causal) * (1.3 if wrong else 1)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    monkeypatch.setattr(attention, "_seen", {})
    requests = library_gpt.requests(gpt, LENGTHS[:6], max_new_tokens=10)
    decoded = decoding.decode(gpt, requests, VALUES, do_sample=False)
    assert_like_library(gpt, requests, decoded, do_sample=False, repetition_penalty=5.0, max_new_tokens=10)
    told = attention.record(torch.device("cpu"))
    assert told and calls and all(found["fused"] != wrong for found in told.values())
    assert (len(calls) <= 4) == (wrong or "to all, float32" not in told), "only compared"


def test_what_a_step_reads_of_the_cache_are_matrices(gpt, shapes, monkeypatch):
    """No copy of keys or values is made: heads and slots lie one after the other."""
    read, product = [], attention.product

    def watched(q, k, v, *rest):
        if q.shape[2] == 1 and rest[0] is not None:
            read.append(k)
            assert all(t.flatten(0, 1).data_ptr() == t.data_ptr() and t[0, 0].is_contiguous() for t in (k, v))
        return product(q, k, v, *rest)

    monkeypatch.setattr(attention, "product", watched)
    decoding.decode(gpt, library_gpt.requests(gpt, [9, 4], max_new_tokens=3), VALUES)
    assert bool(read) == slots._wants_fixed_shapes(torch.device("cpu"))


def test_bf16_is_close_to_fp32_and_its_logits_are_not_rounded(monkeypatch):
    """60 codes of a wider model, the same in both, so that what an early step stores shows in the later ones."""
    model = library_gpt.make(layers=6, model_dim=256, heads=4)
    (request,) = library_gpt.requests(model, [40], max_new_tokens=60)
    values, choose, logits = VALUES | {"batch_size": 1}, sampling.choose, {}

    def forced(which, codes):
        def chosen(each, *rest, **options):
            logits.setdefault(which, []).append(each)
            return choose(each, *rest, **options) if codes is None else codes[len(logits[which]) - 1, None]

        return chosen

    found = {}
    for precision in ("fp32", "bf16"):
        codes = found["fp32"].codes if found else None
        monkeypatch.setattr(sampling, "choose", forced(precision, codes))
        (found[precision],) = decoding.decode(model, [request], values | {"precision": precision})
    assert torch.equal(found["fp32"].codes, found["bf16"].codes) and len(found["bf16"].codes) > 50
    exact, coarse = (found[precision].latents for precision in ("fp32", "bf16"))
    assert coarse.dtype == torch.float32
    off = torch.linalg.norm(exact - coarse, dim=1) / torch.linalg.norm(exact, dim=1)
    assert off.min() > 1e-3 and off.max() < 0.1, off
    with torch.inference_mode():
        expected = model.gpt.mel_head(coarse)
    torch.testing.assert_close(torch.cat(logits["bf16"]), expected, rtol=1e-4, atol=1e-4)


def test_fp16_needs_a_gpu(gpt):
    with pytest.raises(UserError, match=r"synthesis\.precision is fp16, which needs a GPU"):
        decoding.decode(gpt, library_gpt.requests(gpt, [4], 4), VALUES | {"precision": "fp16"})


def test_too_long_a_text_is_refused(gpt):
    longest, too_long = library_gpt.requests(gpt, [401, 402], max_new_tokens=2)
    assert len(decoding.decode(gpt, [longest], VALUES)[0].latents) > 0
    with pytest.raises(UserError, match="402 tokens; the model takes 401"):
        decoding.decode(gpt, [too_long], VALUES)


def test_nothing_to_decode(gpt):
    assert decoding.decode(gpt, [], VALUES) == []


@pytest.mark.parametrize(("top_k", "top_p"), [(50, 0.85), (0, 0.6), (5, 1.0), (2000, 0.99)])
def test_logits_are_processed_like_the_librarys(top_k, top_p):
    torch.manual_seed(0)
    logits = torch.randn(64, 1026) * torch.linspace(0.1, 10, 64)[:, None]
    ids = torch.randint(0, 1026, (64, 40))
    seen = torch.zeros(64, 1026, dtype=torch.bool).scatter_(1, ids, True)
    processors = [RepetitionPenaltyLogitsProcessor(5.0), TemperatureLogitsWarper(0.75)]
    processors += [TopKLogitsWarper(top_k)] if top_k else []
    processors += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    expected = LogitsProcessorList(processors)(ids, logits.clone())
    assert torch.equal(sampling.warp(sampling.penalize(logits, seen, 5.0), 0.75, top_k, top_p), expected)


def test_draws_have_the_distribution_of_the_logits():
    draws = 200_000
    torch.manual_seed(0)
    logits = torch.randn(12) * 2
    logits[3] = -torch.inf
    noise = sampling.noise(7, (draws, 12), torch.device("cpu"))
    counts = torch.bincount(sampling.draw(logits.expand(draws, -1), noise), minlength=12).double()
    expected = logits.softmax(-1).double() * draws
    assert counts[3] == 0
    possible = expected > 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < 31.3  # 10 degrees of freedom: exceeded once in 2,000 seeds
