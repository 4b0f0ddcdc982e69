"""A narrow HiFi-GAN, small enough to train on a CPU, which the library's wide one can hold exactly.

Its channels are the first of the wide one's, and the residual blocks that it lacks are identities there: the wide
generator averages three blocks per stage, so the narrow one adds its input for each that it lacks. The convolutions
are written as two-dimensional ones of height 1, because oneDNN has those with the channels last.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xtts_cloning.demo.network import WIDTH

CHANNELS = (256, 128, 64, 32, 16)  # a half of the library's
UPSAMPLING = ((8, 16), (8, 16), (2, 4), (2, 4))  # stride and kernel, the library's
KERNELS = (7, 3, 3, 7)  # of the only residual block of each stage; the library has one each of 3, 7 and 11
BLOCKS = 3  # of the library, per stage
DILATIONS = (1, 3, 5)
SLOPE = 0.1


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, kernel: int):
        super().__init__()
        self.convs1 = nn.ModuleList(_convolution(channels, channels, kernel, dilation) for dilation in DILATIONS)
        self.convs2 = nn.ModuleList(_convolution(channels, channels, kernel) for _ in DILATIONS)
        for convolution in self.convs2:
            nn.init.normal_(convolution.weight, 0, 0.01)  # nearly an identity at first

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = plain(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE)) + x
        return x


class NarrowVocoder(nn.Module):
    def __init__(self, inputs: int = WIDTH):
        super().__init__()
        self.conv_pre = _convolution(inputs, CHANNELS[0], 7)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, (1, kernel), (1, stride), padding=(0, (kernel - stride) // 2))
            for wide, narrow, (stride, kernel) in zip(CHANNELS, CHANNELS[1:], UPSAMPLING, strict=False)
        )
        self.resblocks = nn.ModuleList(map(ResidualBlock, CHANNELS[1:], KERNELS))
        self.conv_post = nn.Conv2d(CHANNELS[-1], 1, (1, 7), padding=(0, 3), bias=False)
        for module in self.modules():
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, frames: Tensor) -> Tensor:
        """[b, inputs, n] -> samples [b, 256 n] at 24 kHz."""
        x = self.conv_pre(frames[:, :, None].contiguous(memory_format=torch.channels_last))
        for upsample, block in zip(self.ups, self.resblocks, strict=True):
            x = upsample(F.leaky_relu(x, SLOPE))
            x = (block(x) + (BLOCKS - 1) * x) / BLOCKS
        return torch.tanh(self.conv_post(F.leaky_relu(x)))[:, 0, 0]


def _convolution(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, (1, kernel), dilation=(1, dilation), padding=(0, dilation * (kernel - 1) // 2))


def hear_latents(state: dict[str, Tensor], weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Weights of a vocoder of mel rows, made into those of one of latents, whose mel is `weight` @ latent + `bias`."""
    first = state["conv_pre.weight"]
    return state | {
        "conv_pre.weight": torch.einsum("omhk,ml->olhk", first, weight),
        "conv_pre.bias": state["conv_pre.bias"] + torch.einsum("omhk,m->o", first, bias),
    }


def stretched(rows: Tensor) -> Tensor:
    """[n, inputs], one row a slot -> [inputs, frames] of 256 samples at 24 kHz, as HifiDecoder.forward does."""
    x = F.interpolate(rows.T[None], scale_factor=[4.0], mode="linear")
    return F.interpolate(x, scale_factor=[24_000 / 22_050], mode="linear")[0]


def spectral_loss(made: Tensor, real: Tensor, sizes: tuple[int, ...] = (256, 512, 1024, 2048)) -> Tensor:
    """Distance of the magnitudes of [b, samples], linear and logarithmic, at several resolutions."""
    total = made.new_zeros(())
    for size in sizes:
        window = torch.hann_window(size)
        ours, theirs = (
            torch.stft(x, size, size // 4, window=window, return_complex=True, center=False).abs().clamp(min=1e-5)
            for x in (made, real)
        )
        floor = 3e-3 * size**0.5 / 16  # below speech, so that the details of silence do not count
        linear = torch.norm(ours - theirs, dim=(1, 2)) / (torch.norm(theirs, dim=(1, 2)) + 0.5)
        total = total + linear.mean() + ((ours + floor).log() - (theirs + floor).log()).abs().mean()
    return total / len(sizes)
