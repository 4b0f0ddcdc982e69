"""How long, how fast, at what price: time per rule, speed of speech, cost of the GPU that ran."""

import re
from pathlib import Path

import pandas

from xtts_cloning.report import run_files
from xtts_cloning.report.run_files import SPOKEN


def rule_times(results: Path) -> list[dict]:
    """Seconds and peak memory of each rule, from Snakemake's benchmark files, longest first."""
    rows = []
    for path in sorted((results / "benchmarks").glob("*.tsv")):
        table = run_files.read_table(path, "\t")
        if table is None:
            continue
        last = pandas.to_numeric(table.iloc[-1], errors="coerce")
        rows.append({"rule": path.stem, "seconds": last["s"], "max_rss_mb": last.get("max_rss")})
    longest = max((row["seconds"] for row in rows), default=0) or 1
    return sorted(({**row, "share": row["seconds"] / longest} for row in rows), key=lambda row: -row["seconds"])


def speeds(results: Path) -> list[dict]:
    """Per system: RTF (wall over audio) of utterances spoken alone, and of all in batches; with their clocks."""
    rows = []
    for system in SPOKEN:
        timing = run_files.read_table(results / "speech" / system / "timing.csv")
        if timing is None:
            continue
        engine = run_files.read_json(results / "speech" / system / "engine.json") or {}
        row = {"system": system, "device": device_name(engine), "precision": engine.get("precision")}
        for name, rows_of_it in (("single", timing["mode"] == "alone"), ("batched", timing["utterance"] == "all")):
            part = timing[rows_of_it]
            audio, wall = part["audio_seconds"].sum(), part["wall_seconds"].sum()
            if audio > 0 and wall > 0:
                clock = "; ".join(sorted(set(part["clock"].dropna().astype(str))))
                row[name] = {
                    "rtf": wall / audio,
                    "times_realtime": audio / wall,
                    "clock": clock,
                }
        rows.append(row)
    return rows


def device_name(record: dict) -> str:
    """The GPU's name where one ran, else `CPU`; `record` is a timing.json or engine.json."""
    if record.get("device") == "cpu":
        return "CPU"
    return record.get("gpu") or record.get("device_name") or "unknown"


def price(device: str, prices: dict[str, float]) -> tuple[str, float] | None:
    """The config's (GPU, price per hour) that the device's name matches as a word, or None: none is ever assumed."""
    for gpu, per_hour in prices.items():
        if re.search(rf"(?<![A-Za-z0-9]){re.escape(gpu)}(?![A-Za-z0-9])", device):
            return gpu, per_hour
    return None


def gpu_costs(results: Path, prices: dict[str, float]) -> list[dict]:
    """What fine-tuning and speech cost on the GPU that ran them; `usd` is None without a GPU or a price for it."""
    records = {"finetune": run_files.read_json(results / "finetune" / "timing.json")}
    seconds = {"finetune": (records["finetune"] or {}).get("wall_seconds")}
    for system in SPOKEN:
        records[f"synthesize {system}"] = run_files.read_json(results / "speech" / system / "engine.json")
        timing = run_files.read_table(results / "speech" / system / "timing.csv")
        if timing is not None:
            seconds[f"synthesize {system}"] = timing.loc[timing["utterance"] == "all", "wall_seconds"].sum()
    rows = []
    for step, record in records.items():
        if not record or not seconds.get(step):
            continue
        device = device_name(record)
        known = price(device, prices)
        row = {"step": step, "device": device, "seconds": seconds[step], "gpu": None, "usd": None}
        row["on_gpu"] = record.get("device") != "cpu"
        if known:
            row |= {"gpu": known[0], "per_hour": known[1], "usd": known[1] * seconds[step] / 3600}
        rows.append(row)
    return rows
