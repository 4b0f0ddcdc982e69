"""The library's GPT as plain functions on a static key-value cache: prefill some positions, or advance rows by one.

In: the weights of TTS.tts.layers.xtts.gpt.GPT (a GPT-2 whose embeddings and heads are the library's own) and embedded
positions. Out: keys and values in the cache, and hidden states equal to the library's but for rounding. On a CPU with
oneDNN the weight matrices are packed once: a step for a few rows is then two to four times as fast.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F

from xtts_cloning.model import attention

PACKED_FOR_ROWS = 1  # a hint to oneDNN, whose packing for 8 or more is half as fast, for 1 row as for 70
Rows = Callable[[torch.Tensor], torch.Tensor]  # [..., C] to [..., D], row by row


@dataclass
class Layer:
    """One transformer block without its attention."""

    norm: Rows
    qkv: Rows
    project: Rows
    mlp_norm: Rows
    expand: Rows
    contract: Rows


@dataclass
class Network:
    """The GPT's weights in one precision, but in float32 from the last hidden state on: logits of 8 to 16 have steps of
    1/16 in bf16, and the vocoder speaks the latents. No reference to the module that the weights came from."""

    layers: list[Layer]
    heads: int
    text: torch.Tensor  # [text tokens, C] embeddings, and their positions' [., C]
    text_positions: torch.Tensor
    codes: torch.Tensor  # [audio codes, C] embeddings, and their positions' [., C]
    code_positions: torch.Tensor
    final_norm: Rows  # of the last hidden state: gives the latents, float32
    head: Rows  # from latents to the logits of the next code, float32


@dataclass
class Cache:
    """Keys and values, [layers, slots, heads, positions, C / heads]: a head's positions are one matrix, also up to some
    position only."""

    keys: torch.Tensor
    values: torch.Tensor


_networks: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def network(gpt, dtype: torch.dtype) -> Network:
    """The module's weights as functions. Prepared once for each module, device and precision: a module that is trained
    further must not be decoded before that."""
    prepared = _networks.setdefault(gpt, {})
    key = dtype, gpt.mel_head.weight.device
    if key not in prepared:
        prepared[key] = _prepare(gpt, dtype)
    return prepared[key]


def cache(network: Network, slots: int, positions: int, masked: bool) -> Cache:
    """An empty cache. Its memory is taken when it is written, except for masked attention, which must find numbers."""
    table = network.codes
    shape = len(network.layers), slots, network.heads, positions, table.shape[1] // network.heads
    make = torch.zeros if masked else torch.empty
    return Cache(*(make(shape, dtype=table.dtype, device=table.device) for _ in range(2)))


def prefill(network: Network, cache: Cache, slots: torch.Tensor, x: torch.Tensor, start: int) -> None:
    """Fill positions start..start+n of these slots from embeddings x: [len(slots), n, C]. Positions before start are
    seen; a row's padding at its end is harmless, since nothing before it sees it and the next codes overwrite it."""
    n = x.shape[1]
    after = torch.ones(n, start + n, dtype=torch.bool, device=x.device).triu(start + 1)

    def attend(layer, q, k, v):
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        keys, values = cache.keys[layer], cache.values[layer]
        keys[slots, :, start : start + n], values[slots, :, start : start + n] = k, v
        if start == 0:
            return attention.fused(q, k, v, causal=True).transpose(1, 2)
        return attention.product(q, *(t[slots, :, : start + n] for t in (keys, values)), after).transpose(1, 2)

    _forward(network, x, attend)


def advance(
    network: Network, cache: Cache, slots: torch.Tensor, lengths: torch.Tensor, x: torch.Tensor, span: int | None
) -> torch.Tensor:
    """Add one position, x: [rows, C], to slots: [rows], which hold `lengths` positions: [rows]; returns its latents.

    Without a span each row attends by itself. With one, all slots in order attend to the first `span` positions.
    """
    attend = _attend_each(cache, slots, lengths) if span is None else _attend_masked(cache, slots, lengths, span)
    return network.final_norm(_forward(network, x, attend))


def rows_alone(network: Network, most: int) -> bool:
    """Whether a row's result has the same bits in any place among 1 to `most` rows: so with oneDNN's packed matrices,
    seldom with other kernels. Where it holds, only the rows in use need be computed."""
    row = torch.randn(1, network.codes.shape[1], generator=torch.Generator().manual_seed(0)).to(network.codes)

    part = replace(network, layers=network.layers[:1])  # the others have the same shapes

    def compute(count):
        return network.head(network.final_norm(_forward(part, row.repeat(count, 1), lambda layer, q, k, v: v)))

    expected = compute(1)
    return all(torch.equal(compute(count), expected.repeat(count, 1)) for count in range(2, most + 1))


def _forward(network: Network, x: torch.Tensor, attend: Callable) -> torch.Tensor:
    """GPT2Model of transformers 4.36: pre-norm blocks, tanh gelu. x: [..., C]."""
    heads = (*x.shape[:-1], network.heads, -1)
    for index, layer in enumerate(network.layers):
        q, k, v = (part.view(heads) for part in layer.qkv(layer.norm(x)).chunk(3, -1))
        x = x + layer.project(attend(index, q, k, v).reshape(x.shape))
        x = x + layer.contract(F.gelu(layer.expand(layer.mlp_norm(x)), approximate="tanh"))
    return x


def _attend_each(cache: Cache, slots: torch.Tensor, lengths: torch.Tensor) -> Callable:
    """Every row attends to exactly its own positions, so what the other rows hold cannot change its bits."""
    places = list(zip(slots.tolist(), (lengths + 1).tolist(), strict=True))

    def attend(layer, q, k, v):
        keys, values = cache.keys[layer], cache.values[layer]
        keys[slots, :, lengths], values[slots, :, lengths] = k, v
        rows = []
        for row, (slot, length) in enumerate(places):
            rows.append(attention.fused(q[row, None, :, None], *(t[slot, None, :, :length] for t in (keys, values))))
        return torch.cat(rows)

    return attend


def _attend_masked(cache: Cache, slots: torch.Tensor, lengths: torch.Tensor, span: int) -> Callable:
    """For a GPU: one shape, so that a graph can be captured. What is masked adds exact zeros."""
    hidden = (torch.arange(span, device=lengths.device) > lengths[:, None])[:, None, None]

    def attend(layer, q, k, v):
        keys, values = cache.keys[layer], cache.values[layer]
        keys[slots, :, lengths], values[slots, :, lengths] = k, v
        return attention.product(q[:, :, None], keys[:, :, :span], values[:, :, :span], hidden)

    return attend


def _prepare(gpt, dtype: torch.dtype) -> Network:
    def table(module):
        return module.weight.detach().to(dtype)

    def norm(module, dtype=dtype):
        weight, bias = module.weight.detach().to(dtype), module.bias.detach().to(dtype)
        return partial(F.layer_norm, normalized_shape=weight.shape, weight=weight, bias=bias, eps=module.eps)

    def matrix(module):  # transformers' Conv1D: weight [in, out]
        return _linear(module.weight.detach().t().to(dtype), module.bias.detach().to(dtype))

    first, last = norm(gpt.gpt.ln_f, torch.float32), norm(gpt.final_norm, torch.float32)
    layers = [
        Layer(
            norm(block.ln_1),
            matrix(block.attn.c_attn),
            matrix(block.attn.c_proj),
            norm(block.ln_2),
            matrix(block.mlp.c_fc),
            matrix(block.mlp.c_proj),
        )
        for block in gpt.gpt.h
    ]
    return Network(
        layers=layers,
        heads=gpt.heads,
        text=table(gpt.text_embedding),
        text_positions=table(gpt.text_pos_embedding.emb),
        codes=table(gpt.mel_embedding),
        code_positions=table(gpt.mel_pos_embedding.emb),
        final_norm=lambda x: last(first(x.float())),
        head=_linear(gpt.mel_head.weight.detach().float(), gpt.mel_head.bias.detach().float()),
    )


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> Rows:
    """x to x @ weight.T + bias; weight: [out, in]."""
    weight = weight.contiguous()
    if not _packs(weight):
        return partial(F.linear, weight=weight, bias=bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, PACKED_FOR_ROWS)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


def _packs(weight: torch.Tensor) -> bool:
    if weight.is_cuda or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
