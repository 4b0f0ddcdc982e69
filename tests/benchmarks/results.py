"""Write RESULTS.md from the JSON files that the benchmarks left in results/benchmarks; say what was not measured."""

import argparse
import json
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECTIONS = {  # file: title, and what the table needs to be read
    "decode": (
        "Speaking sentences, against `Xtts.inference` of TTS 0.21.3",
        "Both speak with the same full-size model of random weights, text to waveform, the stop code suppressed. bf16 "
        "is measured where the processor multiplies bf16 matrices (avx512_bf16, amx_bf16) or on a GPU.",
    ),
    "speaking_memory": (
        "Memory of speaking on a CPU",
        "Full size, random weights; the largest size of a process above its size with the model loaded, after so many "
        "lengths of reference, text or sentence. On a processor with AVX-512, AVX2 is measured by forcing torch and "
        "oneDNN to it.",
    ),
    "gpu": (
        "Speaking on a GPU",
        "One stream and batches; the limit is what reading the weights once per code takes.",
    ),
    "finetune_step": (
        "A fine-tuning step, against the `GPTTrainer` of TTS 0.21.3",
        "Full size, real clips. Ours lets the process keep freed memory, as fine-tuning does on a CPU; the library's "
        "does not. bf16 is measured where the processor multiplies bf16 matrices.",
    ),
    "finetune_memory": (
        "Memory of a fine-tuning step for each batch size",
        "Full size, real clips, the whole process: weights, gradients, the optimizer's two moments and activations, "
        "kept or checkpointed (`finetune.gradient_checkpointing`).",
    ),
    "subset_archive": (
        "The archive pass of `subset`, against `tar -xjf` and reading the table",
        "LJSpeech's own 13,100-row table with generated clips. On a machine shared with others the ratio moves with "
        "what they do: in a slower phase of the same machine it was 1.88 (331 s and 176 s, medians of 2 runs).",
    ),
}
NOT_MEASURED = "Not measured: what it needs was not at hand."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE.parents[1] / "results/benchmarks")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    arguments = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, check=True, capture_output=True, text=True
    )
    parts = ["# Benchmarks", f"Written by `tests/benchmarks/results.py` at commit {commit.stdout.strip()}."]
    for name, (title, note) in SECTIONS.items():
        path = arguments.folder / f"{name}.json"
        text = section(json.loads(path.read_text())) if path.exists() else NOT_MEASURED
        parts += [f"## {title}", note, text]
    arguments.output.write_text("\n\n".join(parts) + "\n")


def section(result: dict) -> str:
    """What holds for all rows as a sentence, and what is a dict as a row of a table."""
    rows = {name: value for name, value in result.items() if isinstance(value, dict)}
    context = ", ".join(f"{words(name)} {cell(value)}" for name, value in result.items() if name not in rows)
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [["", *map(words, columns)], ["---", *["---:"] * len(columns)]]
    lines += [[words(name), *(cell(row.get(column)) for column in columns)] for name, row in rows.items()]
    return f"{context}.\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def words(name: str) -> str:
    return name.replace("_", " ")


def cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(cell, value))
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
