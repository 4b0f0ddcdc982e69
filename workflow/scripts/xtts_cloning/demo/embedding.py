"""Put the demo's small networks into the library's full-size ones, so that these compute exactly the same."""

import torch
from torch import Tensor, nn

from xtts_cloning.demo.narrow_vocoder import KERNELS, NarrowVocoder

LIBRARY_KERNELS = (3, 7, 11)  # of the residual blocks of each stage


@torch.no_grad()
def embed(narrow: NarrowVocoder, wide: nn.Module) -> None:
    """The library's HifiganGenerator computes what `narrow` does, whatever the speaker embedding."""
    _put(wide.conv_pre, narrow.conv_pre)
    for number, (upsample, block, kernel) in enumerate(zip(narrow.ups, narrow.resblocks, KERNELS, strict=True)):
        _put(wide.ups[number], upsample)
        for place, library_kernel in enumerate(LIBRARY_KERNELS):
            library_block = wide.resblocks[number * len(LIBRARY_KERNELS) + place]
            for name in ("convs1", "convs2"):
                for index, convolution in enumerate(getattr(library_block, name)):
                    _put(convolution, getattr(block, name)[index] if library_kernel == kernel else None)
    _put(wide.conv_post, narrow.conv_post)
    for condition in (wide.cond_layer, *wide.conds):
        condition.weight.zero_()
        condition.bias.zero_()


def _put(wide: nn.Module, narrow: nn.Module | None) -> None:
    """The narrow convolution's weights [a, b, 1, k] in a corner of the wide one's [A, B, k]; zeros elsewhere."""
    weight = torch.zeros_like(wide.weight)
    if narrow is not None:
        small = narrow.weight[:, :, 0]
        weight[: small.shape[0], : small.shape[1]] = small
    if hasattr(wide, "parametrizations"):
        _put_normalised(wide.parametrizations.weight, weight)
    else:
        wide.weight.copy_(weight)
    if wide.bias is not None:
        wide.bias.zero_()
        if narrow is not None and narrow.bias is not None:
            wide.bias[: len(narrow.bias)] = narrow.bias


def _put_normalised(parametrization: nn.Module, weight: Tensor) -> None:
    """Weight norm gives g * v / |v| per row. A row of zeros has g = 0; its v is one, because 0 / 0 would be NaN."""
    norms = weight.flatten(1).norm(dim=1).view(-1, 1, 1)
    parametrization.original0.copy_(norms)
    parametrization.original1.copy_(torch.where(norms > 0, weight, torch.ones_like(weight)))
