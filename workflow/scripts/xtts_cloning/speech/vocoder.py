"""The vocoder: from GPT latents and a speaker embedding to audio, equal to the library's HifiDecoder but for rounding.

The HiFi-GAN is the library's (TTS/tts/layers/xtts/hifigan_decoder.py), its weight norm folded into the weights. It
works on frames of 256 samples. A sample depends on CONTEXT frames to each side, so audio is made in pieces that
overlap: a piece's end that is also the utterance's has the zeros around it that it would have in the whole, and what
any other end spoils is cut off.

On a CPU all pieces have one of two lengths, because oneDNN prepares every convolution for each length, and keeps that.
With AVX-512 it prepares much when the channels come last: its brgemm convolutions (brgconv:avx512_core in
ONEDNN_VERBOSE) allocate 1.4 GB for the 72 of them at 128 frames and 2.7 GB at 256, and never give it back, whatever the
capacity of its primitive cache. With the channels first it takes other kernels: 0.2 GB for both lengths, a tenth slower
once prepared, but prepared in less than a tenth of the time. On AVX2, where none of this happens, channels last is the
faster layout by a quarter.
"""

import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F

CONTEXT = 15  # frames; the receptive field of all layers together is a little over 14
# Frames of a piece. Of pairs without more waste on sentences of 1 to 6 s, the shortest: it takes the least memory, and
# a processor's cache holds more of it: a frame takes 8 % (AVX2) to 20 % (AVX-512) less time than in a piece of 512.
PIECE, SHORT_PIECE = 192, 128
GPU_PIECE, GPU_STEP = 512, 32  # on a GPU at most so many, padded to a multiple
GPU_PIECES = 8  # computed at once on a GPU
CLEARLY = 0.8  # a layout must take less than this part of the other's time: noise must not decide what bytes come out
UNSETTLED = 4  # the last frames still change when latents follow: latents are stretched to frames linearly

Convolution = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class Stage:
    """Upsampling, the speaker's condition, and residual blocks, each of them (dilated, plain) pairs of convolutions."""

    upsample: Convolution
    condition: Convolution
    blocks: list[list[tuple[Convolution, Convolution]]]


@dataclass
class Generator:
    """The HiFi-GAN's convolutions."""

    first: Convolution
    condition: Convolution
    stages: list[Stage]
    last: Convolution


@dataclass
class Piece:
    """Frames start..stop of an utterance; the audio of keep_from..keep_to is kept."""

    utterance: int
    start: int
    stop: int
    keep_from: int
    keep_to: int


_generators: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_layouts: dict[tuple, torch.memory_format] = {}  # of GPUs, by device and precision


def vocode(model, latents: torch.Tensor, speaker_embedding: torch.Tensor) -> np.ndarray:
    """latents: [n, C], in the precision to compute in; speaker_embedding: [1, 512, 1]; returns float32 [samples] at
    24 kHz."""
    return vocode_all(model, [latents], speaker_embedding)[0]


@torch.inference_mode()
def vocode_all(model, latents: list[torch.Tensor], speaker_embedding: torch.Tensor) -> list[np.ndarray]:
    """What vocode makes of each, bit for bit; on a GPU faster than one by one."""
    decoder = model.hifigan_decoder
    return _in_pieces(decoder, [_frames(decoder, each) for each in latents], speaker_embedding)


def _in_pieces(decoder, frames: list[torch.Tensor], speaker_embedding: torch.Tensor) -> list[np.ndarray]:
    """The audio of each of [C, frames]."""
    on_gpu = decoder.device.type == "cuda"
    by_length = defaultdict(list)
    for utterance, z in enumerate(frames):
        for piece in _pieces(utterance, z.shape[1], on_gpu):
            by_length[_padded(piece.stop - piece.start, on_gpu)].append(piece)
    hop = decoder.output_hop_length
    audio = [np.empty(z.shape[1] * hop, np.float32) for z in frames]
    rows = _pieces_at_once(decoder.device)
    for pieces in by_length.values():
        for i in range(0, len(pieces), rows):
            group = pieces[i : i + rows]
            windows = [frames[piece.utterance][:, piece.start : piece.stop] for piece in group]
            windows += windows[:1] * (rows - len(group))
            samples = _generate(decoder, windows, speaker_embedding).cpu().numpy()
            for piece, made in zip(group, samples[: len(group)], strict=True):
                kept = made[(piece.keep_from - piece.start) * hop : (piece.keep_to - piece.start) * hop]
                audio[piece.utterance][piece.keep_from * hop : piece.keep_to * hop] = kept
    return audio


@torch.inference_mode()
def stream(model, chunks: Iterable[torch.Tensor], speaker_embedding: torch.Tensor) -> Iterator[np.ndarray]:
    """From latents that come in chunks, [n, C] each, to vocode's audio, each part as soon as it is settled.

    The cost is linear: of what was spoken before, a chunk's audio needs only CONTEXT frames again.
    """
    decoder, hop = model.hifigan_decoder, model.hifigan_decoder.output_hop_length
    latents, given = [], 0
    for chunk in chain(chunks, [None]):  # None: nothing follows
        latents += [] if chunk is None else [chunk]
        z = _frames(decoder, torch.cat(latents))
        ready = z.shape[1] - (0 if chunk is None else UNSETTLED + CONTEXT)
        if ready > given:
            start, stop = max(0, given - CONTEXT), min(ready + CONTEXT, z.shape[1])
            (samples,) = _in_pieces(decoder, [z[:, start:stop]], speaker_embedding)
            yield samples[(given - start) * hop : (ready - start) * hop]
            given = ready


def _pieces_at_once(device: torch.device) -> int:
    """Always as many, with repeats to fill up: another number could change the last bits."""
    return GPU_PIECES if device.type == "cuda" else 1


def _pieces(utterance: int, total: int, on_gpu: bool = False) -> Iterator[Piece]:
    """Cut `total` frames into pieces that overlap, and cost the least to compute."""
    kept = 0
    for length in _gpu_lengths(total) if on_gpu else _cpu_lengths(total):
        start = max(0, min(kept - CONTEXT, total - length))
        stop = min(start + length, total)
        keep_to = total if stop == total else stop - CONTEXT
        yield Piece(utterance, start, stop, kept, keep_to)
        kept = keep_to


def _cpu_lengths(total: int) -> list[int]:
    """The cheapest lengths of pieces that hold `total` frames, of PIECE and SHORT_PIECE, the longer ones first."""

    def fill_up(longer: int) -> list[int]:
        """So many longer ones, and as many of the shorter as are missing."""
        missing = total - 2 * CONTEXT - longer * (PIECE - 2 * CONTEXT)
        return [PIECE] * longer + [SHORT_PIECE] * max(0, -(-missing // (SHORT_PIECE - 2 * CONTEXT)), not longer)

    most = max(1, -(-(total - 2 * CONTEXT) // (PIECE - 2 * CONTEXT)))
    return min(map(fill_up, range(most + 1)), key=lambda lengths: (sum(lengths), len(lengths)))


def _gpu_lengths(total: int) -> list[int]:
    """As few pieces as GPU_PIECE allows, all of one length, so that they are computed together."""
    count = max(1, -(-(total - 2 * CONTEXT) // (GPU_PIECE - 2 * CONTEXT)))
    return [_padded(-(-(total + 2 * CONTEXT * (count - 1)) // count), on_gpu=True)] * count


def _padded(frames: int, on_gpu: bool) -> int:
    """The length in which so many frames are computed."""
    if on_gpu:
        return frames + -frames % GPU_STEP
    return SHORT_PIECE if frames <= SHORT_PIECE else PIECE


def _frames(decoder, latents: torch.Tensor) -> torch.Tensor:
    """Latents [n, C] stretched to [C, frames] in two steps, as HifiDecoder.forward does, in their own precision."""
    z = latents.to(decoder.device).float().T[None]
    factors = (
        decoder.ar_mel_length_compression / decoder.output_hop_length,
        decoder.output_sample_rate / decoder.input_sample_rate,
    )
    for factor in factors:
        if factor != 1:
            z = F.interpolate(z, scale_factor=[factor], mode="linear")
    return z[0].to(latents.dtype)


def layout(decoder, dtype: torch.dtype) -> torch.memory_format:
    """Whether the channels come last or first in the convolutions: on a CPU what the module's docstring says, on a GPU
    what is quicker there, the last unless the first are clearly quicker. Timed at the first use of a device."""
    device = decoder.device
    if device.type == "cpu":
        many_descriptors = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        return torch.contiguous_format if many_descriptors else torch.channels_last
    if (device, dtype) not in _layouts:
        last, first = (_seconds(decoder, dtype, each) for each in (torch.channels_last, torch.contiguous_format))
        _layouts[device, dtype] = torch.contiguous_format if first < CLEARLY * last else torch.channels_last
    return _layouts[device, dtype]


def _seconds(decoder, dtype: torch.dtype, layout: torch.memory_format) -> float:
    """What a group of pieces takes in this layout, at its quickest."""
    channels, voice = decoder.waveform_decoder.conv_pre.in_channels, decoder.waveform_decoder.cond_layer.in_channels
    windows = [torch.zeros(channels, GPU_PIECE, dtype=dtype, device=decoder.device)] * GPU_PIECES
    speaker = torch.zeros(1, voice, 1, device=decoder.device)
    took = []
    for _ in range(4):  # the first loads kernels
        start = time.perf_counter()
        _generate(decoder, windows, speaker, layout).cpu()  # waits for the GPU
        took.append(time.perf_counter() - start)
    return min(took)


def _generate(
    decoder, windows: list[torch.Tensor], speaker_embedding: torch.Tensor, order: torch.memory_format | None = None
) -> torch.Tensor:
    """HifiganGenerator.forward of windows [C, frames], all of one padded length, in one voice, [1, 512, 1]; returns
    float32 [windows, samples], with the padding."""
    order = order or layout(decoder, windows[0].dtype)
    generator = _generator(decoder.waveform_decoder, windows[0].dtype, order)
    padded = _padded(max(window.shape[1] for window in windows), decoder.device.type == "cuda")
    z = torch.stack([F.pad(window, (0, padded - window.shape[1])) for window in windows])[:, :, None]
    speaker = speaker_embedding.to(z.device)[..., None]

    def blank(x):
        """Zeros after each window's end, where a convolution would find them if there were no padding."""
        scale = x.shape[-1] // padded
        for row, window in zip(x, windows, strict=True):
            row[..., window.shape[1] * scale :] = 0
        return x

    def residual(x, block):
        for dilated, plain in block:
            x = plain(blank(F.leaky_relu_(dilated(blank(F.leaky_relu(x, 0.1))), 0.1))) + x
        return x

    # cuDNN's quickest transposed convolutions may add in any order: the same latents must give the same bytes.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        x = generator.first(z.contiguous(memory_format=order)) + generator.condition(speaker)
        for stage in generator.stages:
            x = stage.upsample(blank(F.leaky_relu(x, 0.1))) + stage.condition(speaker)
            x = sum(residual(x, block) for block in stage.blocks) / len(stage.blocks)
        return torch.tanh(generator.last(blank(F.leaky_relu(x))))[:, 0, 0]


def _generator(module, dtype: torch.dtype, order: torch.memory_format) -> Generator:
    """The library's HifiganGenerator, prepared at its first use. Half precision is for the residual blocks, nearly all
    of the work; their sums and the other convolutions stay fp32, or the noise would come above -40 dB."""
    prepared = _generators.setdefault(module, {})
    key = dtype, module.conv_post.weight.device, order
    if key not in prepared:
        whole, fast = (partial(_fold, dtype=each, order=order) for each in (torch.float32, dtype))
        stages, kinds = [], module.num_kernels
        for i, (up, condition) in enumerate(zip(module.ups, module.conds, strict=True)):
            blocks = module.resblocks[i * kinds : (i + 1) * kinds]
            pairs = [list(zip(map(fast, b.convs1), map(fast, b.convs2), strict=True)) for b in blocks]
            stages.append(Stage(whole(up), whole(condition), pairs))
        prepared[key] = Generator(whole(module.conv_pre), whole(module.cond_layer), stages, whole(module.conv_post))
    return prepared[key]


def _fold(convolution: torch.nn.Module, dtype: torch.dtype, order: torch.memory_format) -> Convolution:
    """A one-dimensional convolution, weight norm applied, as a function of [pieces, C, 1, frames]."""
    weight = convolution.weight.detach().to(dtype)[:, :, None].contiguous(memory_format=order)
    convolve = partial(
        F.conv_transpose2d if isinstance(convolution, torch.nn.ConvTranspose1d) else F.conv2d,
        weight=weight,
        bias=None if convolution.bias is None else convolution.bias.detach().to(dtype),
        stride=(1, convolution.stride[0]),
        padding=(0, convolution.padding[0]),
        dilation=(1, convolution.dilation[0]),
    )
    return lambda x: convolve(x.to(dtype))
