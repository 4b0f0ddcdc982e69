"""Attention of the GPT, by torch's fused kernels where they have been seen to be right, else as a plain product.

torch 2.1.0 gives wrong numbers on a GPU, without an error, for a mask together with keys or values that are not
contiguous (pytorch issue 112577; transformers 4.36 uses no fused kernel before torch 2.1.1 for it). So no kernel is
given a mask here: what needs one is a plain product of matrices, whatever torch is installed. And no kernel is trusted
unseen: before a kind of call is first used on a device it is held to the plain product, forward and, where gradients
flow, backward. If they differ by more than rounding, the plain product does the work from then on; `record` tells.
"""

import math
from threading import Thread

import torch
import torch.nn.functional as F
from torch import Tensor

# The largest difference that is rounding, as a part of the largest value; a wrong kernel is off by a tenth or more.
TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
LONGER = 3  # positions; a kernel may be right for one length and wrong for a length that is no multiple of 4 or 8

_seen: dict[tuple, dict] = {}  # kind of call -> what record tells of it


def fused(q: Tensor, k: Tensor, v: Tensor, causal: bool = False, dropout: float = 0.0) -> Tensor:
    """Attention of queries q to all of k, v, or with `causal` to those at their own position and before it.

    q: [b, heads, queries, d]; k, v: [b, heads, keys, d], the same shape as q if causal; returns q's shape.
    """
    kind = q.device, q.dtype, causal, torch.is_grad_enabled() and q.requires_grad
    if kind not in _seen:
        _seen[kind] = _compare(q, k, causal, backward=kind[-1])
    if _seen[kind]["fused"]:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, dropout_p=dropout)
    return product(q, k, v, _after(q) if causal else None, dropout)


def product(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    """The same, written out, for a whole cache or a part of one: [b, heads, positions, d] as batches of matrices, of
    which no copy is made. `hidden` is True where a key is not attended to and has the shape of [b, heads, queries,
    keys] or spreads to it."""
    scores = torch.baddbmm(  # scales in the same kernel
        q.new_empty(1, 1, 1), q.flatten(0, 1), k.transpose(2, 3).flatten(0, 1), beta=0, alpha=q.shape[-1] ** -0.5
    ).unflatten(0, q.shape[:2])
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    weights = scores.softmax(-1)
    return (F.dropout(weights, dropout) if dropout else weights) @ v


def record(device: torch.device) -> dict[str, dict]:
    """What the comparisons on this device found: for each kind of call whether the fused kernel is used, and by how
    much it is off the plain product, as a part of the largest value."""
    told = {}
    for (where, dtype, causal, backward), found in _seen.items():
        if where.type == device.type:
            name = f"{'causal' if causal else 'to all'}, {str(dtype).removeprefix('torch.')}"
            told[name + ", with gradients" * backward] = found
    return told


def _after(q: Tensor) -> Tensor:
    """[n, n], True where a key comes after the query."""
    return torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).triu(1)


def _compare(q: Tensor, k: Tensor, causal: bool, backward: bool) -> dict:
    """Hold the kernel to the product on numbers of its own, in the shapes of q and k and in slightly longer ones.

    In a thread of its own, where the caller's autocast, inference mode and checkpointing do not reach.
    """
    found = {}

    def compare():
        try:
            differences = [
                _difference(q, q.shape[2] + (longer if causal else 0), k.shape[2] + longer, causal, backward)
                for longer in (0, LONGER)
            ]
            found["difference"] = max(float(f"{value:.1e}") if value == value else math.inf for value in differences)
        except RuntimeError as error:  # a kernel that is not there, or that this device cannot run
            found["error"] = str(error).splitlines()[0]

    thread = Thread(target=compare)
    thread.start()
    thread.join()
    return {"fused": found.get("difference", math.inf) <= TOLERANCE[q.dtype], **found}


def _difference(like: Tensor, queries: int, keys: int, causal: bool, backward: bool) -> float:
    """The largest difference of output or gradients, as a part of the largest value; laid out as the GPT's layers hand
    them over: heads side by side in each position."""
    generator = torch.Generator().manual_seed(0)

    def numbers(positions):
        b, heads, _, d = like.shape
        return torch.randn(b, positions, heads, d, generator=generator).to(like).transpose(1, 2)

    inputs = [numbers(queries), numbers(keys), numbers(keys)]
    upstream = numbers(queries)
    exact = [tensor.float().contiguous().requires_grad_(backward) for tensor in inputs]
    inputs = [tensor.requires_grad_(backward) for tensor in inputs]
    outputs = [F.scaled_dot_product_attention(*inputs, is_causal=causal)]
    expected = [product(*exact, _after(exact[0]) if causal else None)]
    if backward:
        outputs += torch.autograd.grad(outputs[0], inputs, upstream)
        expected += torch.autograd.grad(expected[0], exact, upstream.float())
    with torch.no_grad():
        pairs = zip(outputs, expected, strict=True)
        return max(((a.float() - b).abs().max() / b.abs().max()).item() for a, b in pairs)
