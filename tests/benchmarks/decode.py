"""Speaking sentences: this project's engine against `Xtts.inference` of TTS 0.21.3, on the very same weights.

One process, one full-size model with random weights (speed does not depend on their values), the stop code suppressed
and a fixed number of audio codes for each sentence. The library speaks one sentence after the other, as its API does;
the engine speaks all of them together, and one alone. Both are timed from text to waveform, in turn, and medians of the
runs are compared. CPU seconds are the figure to trust on a machine that does other work too, with --threads 1.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow" / "scripts")]
from hardware import processor  # noqa: E402
from xtts_cloning.speech import decoding, vocoder  # noqa: E402

SAMPLING = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0, "length_penalty": 1.0}
TEXTS = [
    "The harbour was quiet when the first boats came home in the morning.",
    "An old man sat on the wall with his pipe and counted every sail.",
    "He knew each boat by the cut of its canvas, and each skipper too.",
    "When the last of them had tied up safely he knocked out his pipe.",
    "The gulls had not yet begun their quarrel over the morning catch.",
    "Nobody in particular was there to see him walk slowly up the hill.",
    "In the kitchen the kettle was already singing its one high note.",
    "His daughter had laid the table for two, as she had always done.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=100, help="audio codes of a sentence, 10 more or less")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--layers", type=int, default=30, help="fewer for a quick look")
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/decode.json")
    arguments = parser.parse_args()

    model = library_model(arguments.layers).to(arguments.device)
    torch.set_num_threads(arguments.threads)  # after the library's import, which sets one
    result = measure(model, arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def library_model(layers: int):
    """The library's own Xtts at full size, random weights, never stopping by itself."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts, XttsArgs
    from xtts_cloning.demo import standin

    torch.manual_seed(0)
    hub_files = os.environ.get("XTTS_HUB_FILES")  # the real tokenizer, if given: 6,681 tokens
    arguments = XttsArgs(gpt_layers=layers, gpt_use_perceiver_resampler=True, gpt_num_audio_tokens=1026)
    arguments.gpt_start_audio_token, arguments.gpt_stop_audio_token = 1024, 1025
    model = Xtts(XttsConfig(model_args=arguments))
    model.tokenizer = VoiceBpeTokenizer(hub_files and str(Path(hub_files, "vocab.json")))
    model.tokenizer.tokenizer = model.tokenizer.tokenizer or standin.tokenizer()
    model.init_models()
    model.eval()
    with torch.no_grad():
        model.gpt.mel_head.bias[1025] = -1e4
    return model


def measure(model, arguments: argparse.Namespace) -> dict:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 32, 1024, generator=generator).to(arguments.device)
    speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=generator), dim=1).to(arguments.device)
    tokens = [arguments.tokens + (n * 7 % 21) - 10 for n in range(arguments.sentences)]
    sentences = [(TEXTS[n % len(TEXTS)], count) for n, count in enumerate(tokens)]
    on_gpu = arguments.device == "cuda"
    precisions = ["fp32"] + ["bf16"] * (on_gpu or torch.ops.mkldnn._is_mkldnn_bf16_supported()) + ["fp16"] * on_gpu

    def ours(sentences: list, precision: str) -> Callable[[], tuple[float, float]]:
        return lambda: speak(model, sentences, latents, speaker, precision)

    variants = {
        "library, one by one": lambda: speak_with_library(model, sentences, latents, speaker),
        "library, one sentence": lambda: speak_with_library(model, sentences[:1], latents, speaker),
    }
    for precision in precisions:
        variants[f"engine {precision}, together"] = ours(sentences, precision)
        variants[f"engine {precision}, one sentence"] = ours(sentences[:1], precision)
    for name, variant in variants.items():
        if "one sentence" in name:
            variant()  # packs weights, loads kernels
    runs = {name: [] for name in variants}
    for _ in range(arguments.runs):
        for name, variant in variants.items():
            runs[name].append(timed(variant))
            print(name, runs[name][-1], file=sys.stderr, flush=True)

    rows = {name: medians(each) for name, each in runs.items()}
    for name, row in rows.items():
        alone = name.endswith("one sentence")
        baseline = rows["library, one sentence" if alone else "library, one by one"]
        row["audio_seconds"] = round(audio_seconds(model, sentences[:1] if alone else sentences), 2)
        row["times_realtime"] = round(row["audio_seconds"] / row["wall_seconds"], 3)
        row["times_library_wall"] = round(baseline["wall_seconds"] / row["wall_seconds"], 2)
        row["times_library_cpu"] = round(baseline["cpu_seconds"] / row["cpu_seconds"], 2)
    return {
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else processor(),
        "torch": torch.__version__,
        "threads": arguments.threads,
        "layers": arguments.layers,
        "sentences": arguments.sentences,
        "audio_codes": tokens,
        "runs": arguments.runs,
        **rows,
    }


def timed(variant: Callable[[], tuple[float, float]]) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    decoding_seconds, vocoding_seconds = variant()
    return {
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "decoding_seconds": decoding_seconds,
        "vocoding_seconds": vocoding_seconds,
    }


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def speak_with_library(model, sentences: list[tuple[str, int]], latents, speaker) -> tuple[float, float]:
    """Seconds of everything but the vocoder, and of the vocoder."""
    vocoding, forward = [], model.hifigan_decoder.forward

    def clocked(*args, **kwargs):
        start = time.perf_counter()
        audio = forward(*args, **kwargs).cpu()  # waits for a GPU
        vocoding.append(time.perf_counter() - start)
        return audio

    model.hifigan_decoder.forward = clocked
    start = time.perf_counter()
    try:
        for text, count in sentences:
            spoken = model.inference(text, "en", latents, speaker, max_new_tokens=count, **SAMPLING)
            assert len(spoken["gpt_latents"][0]) == count
    finally:
        model.hifigan_decoder.forward = forward
    return time.perf_counter() - start - sum(vocoding), sum(vocoding)


def speak(model, sentences: list[tuple[str, int]], latents, speaker, precision: str) -> tuple[float, float]:
    """Seconds of the decoding, and of the vocoder."""
    start = time.perf_counter()
    ids = [torch.tensor(model.tokenizer.encode(text.lower(), lang="en")) for text, _ in sentences]
    requests = [
        decoding.Request(i, latents, n, count) for n, (i, (_, count)) in enumerate(zip(ids, sentences, strict=True))
    ]
    values = SAMPLING | {"precision": precision, "batch_size": 16}
    decoded = decoding.decode(model, requests, values)
    between = time.perf_counter()
    assert [len(result.latents) for result in decoded] == [count for _, count in sentences]
    vocoder.vocode_all(model, [result.latents for result in decoded], speaker)
    return between - start, time.perf_counter() - between


def audio_seconds(model, sentences: list) -> float:
    return sum(count for _, count in sentences) * model.gpt.code_stride_len / model.args.input_sample_rate


if __name__ == "__main__":
    main()
