"""Kernels are held to a plain softmax product before they are trusted: right ones are used, wrong ones are not."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint
from xtts_cloning.model import attention

CPU = torch.device("cpu")
REAL = F.scaled_dot_product_attention


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch):
    monkeypatch.setattr(attention, "_seen", {})


def numbers(queries: int, keys: int, dtype=torch.float32, gradients: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(2, queries, 4, 16), (2, keys, 4, 16), (2, keys, 4, 16)]
    tensors = [torch.randn(shape, generator=generator).to(dtype).transpose(1, 2) for shape in shapes]
    return [tensor.requires_grad_(gradients) for tensor in tensors]


def by_hand(q, k, v, causal: bool) -> torch.Tensor:
    scores = torch.einsum("bhqd,bhkd->bhqk", q.double(), k.double()) / 4  # the root of 16 channels
    if causal:
        scores += torch.full(scores.shape[2:], -torch.inf, dtype=torch.float64).triu(1)
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v.double())


def watched(monkeypatch, kernel) -> list:
    """Puts a kernel in the place of torch's; gives the shapes of the queries it was called with."""
    calls = []

    def called(q, *arguments, **options):
        calls.append(tuple(q.shape))
        return kernel(q, *arguments, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", called)
    return calls


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_both_ways_are_softmax_attention(causal, dtype, close):
    q, k, v = numbers(9, 9, dtype)
    expected = by_hand(q, k, v, causal)
    hidden = torch.ones(9, 9, dtype=torch.bool).triu(1) if causal else None
    for found in (attention.fused(q, k, v, causal), attention.product(q, k, v, hidden)):
        assert found.dtype == dtype and (found - expected).abs().max() < close
    (told,) = attention.record(CPU).values()
    assert told["fused"] and told["difference"] < attention.TOLERANCE[dtype]


def test_a_product_on_a_part_of_a_cache_copies_none_of_it():
    cache = torch.randn(3, 2, 40, 16)
    part = cache[:, :, :24]
    assert part.transpose(2, 3).flatten(0, 1).data_ptr() == cache.data_ptr() and not part.is_contiguous()
    q, hidden = torch.randn(3, 2, 1, 16), torch.arange(24) > torch.tensor([3, 23, 0])[:, None]
    found = attention.product(q, part, part, hidden[:, None, None])
    for row, length in enumerate((4, 24, 1)):
        mine = part[row, None, :, :length]
        torch.testing.assert_close(found[row, None], by_hand(q[row, None], mine, mine, False).float())


class WrongBackward(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return 1.2 * gradient


def last_key_ignored(q, k, v, **options):
    return REAL(q, k[:, :, :-1], v[:, :, :-1])


def wrong_at_odd_lengths(q, k, v, **options):
    return REAL(q, k, v, **options) * (1 if k.shape[2] % 4 == 0 else 1.5)


def not_a_number(q, k, v, **options):
    return REAL(q, k, v, **options) * torch.nan


def not_there(q, k, v, **options):
    raise RuntimeError("No available kernel. Aborting execution.\nwarnings")


@pytest.mark.parametrize("kernel", [last_key_ignored, wrong_at_odd_lengths, not_a_number, not_there])
@pytest.mark.parametrize("causal", [True, False])
def test_a_wrong_kernel_is_not_used(monkeypatch, kernel, causal):
    calls = watched(monkeypatch, kernel)
    q, k, v = numbers(8, 8 if causal else 12)
    for _ in range(2):
        assert (attention.fused(q, k, v, causal) - by_hand(q, k, v, causal)).abs().max() < 1e-5
    compared = len(calls)
    attention.fused(q, k, v, causal)
    assert len(calls) == compared <= 2, "used, or compared again"
    (told,) = attention.record(CPU).values()
    assert not told["fused"] and ("error" in told or not told["difference"] < 0.01)


def test_a_kernel_that_is_wrong_backward_is_used_forward_only(monkeypatch):
    watched(monkeypatch, lambda q, k, v, **options: WrongBackward.apply(REAL(q, k, v, **options)))
    with torch.no_grad():
        attention.fused(*numbers(8, 8, gradients=True), causal=True)
    ours, theirs = numbers(8, 8, gradients=True), numbers(8, 8, gradients=True)
    attention.fused(*ours, causal=True).square().sum().backward()
    by_hand(*theirs, causal=True).square().sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
    told = attention.record(CPU)
    assert [found["fused"] for found in told.values()] == [True, False]
    assert list(told) == ["causal, float32", "causal, float32, with gradients"]


def test_the_comparison_reaches_nothing_of_its_caller():
    """Not the draws of dropout, nor autocast, nor the count of tensors that checkpointing compares."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    q, k, v = numbers(8, 8, gradients=True)
    with torch.autocast("cpu", torch.bfloat16):
        checkpoint(attention.fused, q, k, v, True, use_reentrant=False).sum().backward()
    assert torch.equal(torch.rand(4), expected)
    with torch.inference_mode():
        attention.fused(q, k, v)
    assert len(attention.record(CPU)) == 2 and all(found["fused"] for found in attention.record(CPU).values())


def test_without_a_kernel_dropout_drops_and_keeps_the_mean(monkeypatch):
    watched(monkeypatch, not_there)
    q, k, v = (tensor.expand(2, 4, 400, 16) for tensor in torch.ones(3, 1, 1, 1, 1))
    torch.manual_seed(0)
    dropped = attention.fused(q, k, v, causal=True, dropout=0.25)[:, :, -1]
    assert dropped.std() > 0.01 and abs(dropped.mean() - 1) < 0.05
