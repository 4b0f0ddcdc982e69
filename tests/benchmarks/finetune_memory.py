"""Memory and time of a full-size fine-tuning step for each batch size, activations kept and checkpointed.

Each in a process of its own, on real clips, as in finetune_step.py. Memory is the process's largest, on a CPU, with
weights, gradients, the optimizer's two moments and the library's code in it.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from finetune_step import ROOT, in_a_process, medians, write_inputs
from hardware import processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/finetune_memory.json")
    arguments = parser.parse_args()
    if "LJSPEECH_ARCHIVE" not in os.environ:
        sys.exit("error: set LJSPEECH_ARCHIVE to an LJSpeech archive, for real clips")
    result = {"device": processor(), "precision": arguments.precision}
    with tempfile.TemporaryDirectory(prefix="finetune-benchmark-") as folder:
        write_inputs(Path(folder), max(arguments.batch_sizes))
        for batch_size in arguments.batch_sizes:
            one = argparse.Namespace(batch_size=batch_size, steps=1, threads=arguments.threads)
            kept, checkpointed = (
                medians([in_a_process(f"ours {arguments.precision}{suffix}", folder, one)])
                for suffix in ("", " checkpointed")
            )
            result[f"batch_size {batch_size}"] = {
                "peak_gigabytes": kept["peak_gigabytes"],
                "checkpointed_peak_gigabytes": checkpointed["peak_gigabytes"],
                "wall_seconds": kept["wall_seconds"],
                "checkpointed_wall_seconds": checkpointed["wall_seconds"],
            }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
