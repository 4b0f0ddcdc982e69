"""How fast the engine speaks on a GPU: one stream, the first audio, and many sentences together.

Needs torch and numpy, not TTS: the weights are random, in modules with the names that the engine reads, at the full
size of XTTS-v2 (speed does not depend on their values). The stop code is suppressed. Times are medians of several runs
after one that is not counted; the limit is what reading the weights once per code takes at the memory's measured speed.
For the library beside it, run decode.py --device cuda where TTS can be imported.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
from xtts_cloning.speech import decoding, gpt_step, vocoder  # noqa: E402

SAMPLING = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0}
CODES_A_SECOND = 22050 / 1024
TEXT_IDS = 35


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp16", "fp32"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/gpu.json")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)

    model = random_model(arguments.layers, device)
    bytes_a_second = memory_speed(device)
    result = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "layers": arguments.layers,
        "audio_codes": arguments.tokens,
        "runs": arguments.runs,
        "memory_gigabytes_a_second": round(bytes_a_second / 1e9),
    }
    for precision in arguments.precisions:
        limit = weight_bytes(model, precision) / bytes_a_second
        for batch in arguments.batches:
            row = speak(model, precision, batch, arguments)
            row["limit_milliseconds_a_step"] = round(limit * 1e3, 3)
            row["first_audio_seconds"] = first_audio(model, precision, arguments) if batch == 1 else None
            result[f"{precision}, {batch} together"] = row
            print(precision, batch, row, file=sys.stderr, flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def speak(model, precision: str, batch: int, arguments: argparse.Namespace) -> dict:
    """Medians of the seconds that prefill, decoding and vocoder take, and what follows from them."""
    cuda = model.speaker.is_cuda
    requests = random_requests(model, batch, arguments.tokens)
    if cuda:  # of this row alone, without what the engine keeps ready of the rows before
        decoding._idle.clear()
        gpt_step._networks.clear()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def run() -> tuple[float, float, float]:
        with torch.inference_mode(), decoding._slots(model.gpt, precision, batch) as slots:
            begin = clock(cuda)
            slots.admit(dict(enumerate(requests)))
            prefilled = clock(cuda)
            done = []
            while not done:
                done = slots.step(SAMPLING, do_sample=True)
            latents = [slots.take(slot)[1] for slot in range(batch)]
            decoded = clock(cuda)
            vocoder.vocode_all(model, latents, model.speaker)
        return prefilled - begin, decoded - prefilled, clock(cuda) - decoded

    run()
    runs = [run() for _ in range(arguments.runs)]
    prefill, decode, vocode = (statistics.median(times) for times in zip(*runs, strict=True))
    audio = batch * arguments.tokens / CODES_A_SECOND
    return {
        "prefill_seconds": round(prefill, 4),
        "decode_seconds": round(decode, 4),
        "vocode_seconds": round(vocode, 4),
        "milliseconds_a_step": round(decode / arguments.tokens * 1e3, 3),
        "audio_seconds": round(audio, 1),
        "times_realtime": round(audio / (prefill + decode + vocode), 1),
        "peak_gigabytes": round(torch.cuda.max_memory_allocated() / 1e9, 2) if cuda else None,
    }


def first_audio(model, precision: str, arguments: argparse.Namespace) -> float:
    """Median seconds from text ids to the first samples of a stream, in chunks of 8 codes."""
    (request,) = random_requests(model, 1, arguments.tokens)

    def run() -> float:
        begin = clock(model.speaker.is_cuda)
        chunks = decoding.stream(model, request, SAMPLING | {"precision": precision}, chunk=8)
        next(vocoder.stream(model, chunks, model.speaker))
        return clock(model.speaker.is_cuda) - begin

    run()
    return round(statistics.median(run() for _ in range(arguments.runs)), 4)


def clock(cuda: bool) -> float:
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def memory_speed(device: torch.device) -> float:
    """Bytes a second that a large copy reads and writes."""
    source = torch.empty(2**28 if device.type == "cuda" else 2**25, device=device)
    target = torch.empty_like(source)
    times = []
    for _ in range(10):
        begin = clock(device.type == "cuda")
        target.copy_(source)
        times.append(clock(device.type == "cuda") - begin)
    return 2 * source.nbytes / min(times)


def weight_bytes(model, precision: str) -> int:
    matrices = [parameter for parameter in model.gpt.gpt.parameters() if parameter.ndim == 2]
    matrices.append(model.gpt.mel_head.weight)
    return sum(matrix.numel() for matrix in matrices) * (4 if precision == "fp32" else 2)


def random_requests(model, count: int, tokens: int) -> list[decoding.Request]:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 32, model.gpt.model_dim, generator=generator)
    texts = torch.randint(1, 6000, (count, TEXT_IDS), generator=generator)
    return [decoding.Request(text, latents, seed, tokens) for seed, text in enumerate(texts)]


class Conv1D(nn.Module):
    """transformers' name for a linear layer with weight [in, out]."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * 0.02)
        self.bias = nn.Parameter(torch.zeros(outputs))


def random_model(layers: int, device: torch.device, width: int = 1024) -> SimpleNamespace:
    """What the engine reads of the library's model: .gpt and .hifigan_decoder; and a .speaker."""
    torch.manual_seed(0)
    gpt = module(
        heads=width // 64, model_dim=width, start_text_token=1, stop_text_token=0, start_audio_token=1024,
        stop_audio_token=1025, num_audio_tokens=1026, max_gen_mel_tokens=602, max_mel_tokens=608, max_text_tokens=404,
        max_prompt_tokens=70, text_embedding=nn.Embedding(6681, width), mel_embedding=nn.Embedding(1026, width),
        text_pos_embedding=module(emb=nn.Embedding(404, width)), mel_pos_embedding=module(emb=nn.Embedding(608, width)),
        final_norm=nn.LayerNorm(width), mel_head=nn.Linear(width, 1026),
        gpt=module(h=nn.ModuleList(map(block, [width] * layers)), ln_f=nn.LayerNorm(width)),
    )  # fmt: skip
    gpt.mel_head.bias.data[1025] = -1e4
    decoder = module(
        waveform_decoder=hifigan(width), device=device, output_hop_length=256, ar_mel_length_compression=1024,
        output_sample_rate=24000, input_sample_rate=22050,
    )  # fmt: skip
    speaker = nn.functional.normalize(torch.randn(1, 512, 1), dim=1)
    return SimpleNamespace(gpt=gpt.to(device), hifigan_decoder=decoder.to(device), speaker=speaker.to(device))


def module(**attributes) -> nn.Module:
    made = nn.Module()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def block(width: int) -> nn.Module:
    return module(
        ln_1=nn.LayerNorm(width), ln_2=nn.LayerNorm(width),
        attn=module(c_attn=Conv1D(width, 3 * width), c_proj=Conv1D(width, width)),
        mlp=module(c_fc=Conv1D(width, 4 * width), c_proj=Conv1D(4 * width, width)),
    )  # fmt: skip


def hifigan(width: int) -> nn.Module:
    """HifiDecoder's generator: 512 channels, halved by each of the upsamplings 8, 8, 2, 2."""
    made = module(num_kernels=3, conv_pre=nn.Conv1d(width, 512, 7, padding=3), cond_layer=nn.Conv1d(512, 512, 1))
    made.ups, made.conds, made.resblocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
    for i, factor in enumerate((8, 8, 2, 2)):
        channels = 256 >> i
        made.ups.append(nn.ConvTranspose1d(2 * channels, channels, 2 * factor, factor, padding=factor // 2))
        made.conds.append(nn.Conv1d(512, channels, 1))
        made.resblocks.extend(residual_block(channels, kernel) for kernel in (3, 7, 11))
    made.conv_post = nn.Conv1d(32, 1, 7, padding=3, bias=False)
    return made


def residual_block(channels: int, kernel: int) -> nn.Module:
    def convolution(dilation: int) -> nn.Module:
        return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)

    return module(convs1=nn.ModuleList(map(convolution, (1, 3, 5))), convs2=nn.ModuleList(map(convolution, (1, 1, 1))))


if __name__ == "__main__":
    main()
