"""Memory of speaking on a CPU at full size: what each part takes beside the weights, for many lengths of text.

Each row in a process of its own, with random weights: 30 layers of 1,024 channels and the whole vocoder. A row is what
the process's largest size is above its size with the model loaded. AVX2 is measured on a processor with AVX-512 by
telling torch (ATEN_CPU_CAPABILITY) and oneDNN (ONEDNN_MAX_CPU_ISA) to use no more; such a row says so.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow" / "scripts")]
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
LATENTS = [20, 40, 60, 90, 110, 33, 75, 15, 100, 50]  # sentences of 0.7 to 5.1 s
PARTS = ("conditioning", "decoding", "vocoding")


def main() -> None:
    from hardware import processor

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--layers", type=int, default=30, help="fewer for a quick look")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/speaking_memory.json")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(measure(arguments.part, arguments.layers, arguments.threads)))
        return
    device = processor()
    kinds = {"avx512": {}, "avx2 (forced)": AVX2} if "avx512f" in device else {"avx2": {}}
    result = {"device": device, "threads": arguments.threads, "layers": arguments.layers, "latents": LATENTS}
    for part in arguments.parts:
        for kind, environment in kinds.items():
            command = [sys.executable, __file__, "--part", part]
            command += ["--layers", str(arguments.layers), "--threads", str(arguments.threads)]
            ran = subprocess.run(
                command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True
            )
            result[f"{part}, {kind}"] = json.loads(ran.stdout.splitlines()[-1])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def measure(part: str, layers: int, threads: int) -> dict[str, float]:
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    steps = {"conditioning": conditioning, "decoding": decoding, "vocoding": vocoding}[part](layers)
    loaded, peaks = megabytes("VmRSS"), []
    wall, cpu = time.perf_counter(), time.process_time()
    for step in steps:
        step()
        peaks.append(megabytes("VmHWM") - loaded)
    return {
        "loaded_gigabytes": round(loaded / 1000, 2),
        "after_2_lengths_gigabytes": round(peaks[1] / 1000, 2),
        "after_5_lengths_gigabytes": round(peaks[4] / 1000, 2),
        f"after_{len(LATENTS)}_lengths_gigabytes": round(peaks[-1] / 1000, 2),
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }


def megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))


def conditioning(layers: int) -> list:
    """References and chunks of each length, by conditioning encoder and perceiver, and by the speaker encoder."""
    import torch
    from xtts_cloning.model import latents

    model = decoding_model(layers, vocoder=True)
    model.mel_stats = torch.ones(80)
    samples = torch.rand(1, 30 * latents.RATE) - 0.5

    def step(length: int):
        lengths = {"gpt_cond_len": 30, "gpt_cond_chunk_len": 1 + length // 12}
        return lambda: latents._conditioning(model, samples[:, : (3 + length // 4) * latents.RATE], lengths)

    return list(map(step, LATENTS))


def decoding(layers: int) -> list:
    """16 texts at once of each length, 20 codes of each."""
    import library_gpt
    from xtts_cloning.speech import decoding

    model = decoding_model(layers)
    values = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0}
    values |= {"precision": "fp32", "batch_size": 16}

    def step(length: int):
        requests = library_gpt.requests(model, [length + n for n in range(16)], max_new_tokens=20)
        return lambda: decoding.decode(model, requests, values)

    return list(map(step, LATENTS))


def decoding_model(layers: int, vocoder: bool = False):
    import library_gpt
    from xtts_cloning.model.library import HifiDecoder

    model = library_gpt.make(layers=layers, model_dim=1024, heads=16, stop_bias=-100.0)
    if vocoder:
        model.hifigan_decoder = HifiDecoder(decoder_input_dim=1024).eval()
    return model


def vocoding(layers: int) -> list:
    """One sentence of each length."""
    from types import SimpleNamespace

    import torch
    from xtts_cloning.model.library import HifiDecoder
    from xtts_cloning.speech import vocoder

    model = SimpleNamespace(hifigan_decoder=HifiDecoder(decoder_input_dim=1024).eval())
    speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1)

    def step(length: int):
        latents = torch.randn(length, 1024)
        return lambda: vocoder.vocode(model, latents, speaker)

    return list(map(step, LATENTS))


if __name__ == "__main__":
    main()
