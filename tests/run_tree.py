"""A made-up run: every file that the report reads, in the formats of the steps that write them, of any size."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import yaml
from PIL import Image
from xtts_cloning import config
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.report import mp3, page

RATE = 24_000
TRUE_RANGE = {"secs": (0.6, 0.9), "cer": (0.05, 0.3), "dnsmos_ovrl": (2.6, 3.3), "f0_rmse_cents": (120, 320)}


def make(
    root: Path,
    clips: int = 48,
    tests: int = 4,
    lines: int = 3,
    seconds: float = 1.2,
    text: str | None = None,
    named: tuple[str, ...] = (),
    **changes,
) -> dict:
    """Write data/demo, results/demo and data/models/demo under `root`; returns the report's settings.

    clips, tests, lines: number of clips to train and evaluate the loss on, of held-out sentences and of lines.
    text: what line01 says. changes: config keys, the dot written as two underscores.
    named: ids of the held-out sentences, in place of `tests` plain ones.
    """
    random = np.random.default_rng(0)
    settings = config.settings(config.load(config.ROOT / "config" / "demo.yaml"), "report")
    for dotted, value in changes.items():
        section, key = dotted.split("__")
        settings[section][key] = value
    ids = named or [f"DEMO-{n:04d}" for n in range(tests)]
    names = [(name, "test", f"The held-out sentence number {n}.") for n, name in enumerate(ids)]
    spoken = [
        ("test", "phrase", "Hello test."),
        ("short", "phrase", "Hello, this is a cloned voice speaking naturally."),
    ]
    spoken += [("long", "phrase", "A long text. " * 8), ("long_unsplit", "probe", "A long text. " * 8)]
    spoken += [(f"line{n:02d}", "line", text if n == 1 and text else f"Line {n}.") for n in range(1, lines + 1)]
    data, results, model = root / "data/demo", root / "results/demo", root / "data/models/demo"
    _data(data, names, clips, seconds, random)
    for system in ("zero_shot", "finetuned"):
        _speech(results / "speech" / system, spoken + names, seconds, random)
    _finetune(results / "finetune")
    _scores(results, spoken + names, [name for name, *_ in names], random)
    _driver(results)
    _write(
        model / "config.json", {"run_name": "stand-in", "run_description": "Random-weight stand-in for XTTS-v2: noise."}
    )
    _write(model / "model.pth", "weights")
    return settings


def build(root: Path, **options) -> dict:
    """A made-up run with its page; returns its settings."""
    settings = make(root, **options)
    data, results = root / "data/demo", root / "results/demo"
    sources = {"reference/reference": data / "reference.wav"}
    sources |= {f"ground_truth/{path.stem}": path for path in sorted((data / "wavs").glob("*.wav"))}
    sources |= {f"{path.parent.name}/{path.stem}": path for path in sorted((results / "speech").glob("*/*.wav"))}
    mp3.encode_all(sources, results / "page_audio", threads=2)
    write(root, settings)
    return settings


def write(root: Path, settings: dict) -> str:
    """Write the page of the run under `root`; its HTML."""
    results = root / "results/demo"
    page.write(settings, root / "data/demo", results, root / "data/models/demo", results / "report.html")
    return (results / "report.html").read_text(encoding="utf-8")


def _write(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def _table(path: Path, rows: list[dict], **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False, **options)


def _tone(path: Path, seconds: float, random: np.random.Generator, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    tone = 0.2 * np.sin(2 * np.pi * random.uniform(120, 300) * time) + 0.02 * random.normal(size=len(time))
    soundfile.write(path, tone, rate, subtype="PCM_16")


def _data(data: Path, names: list[tuple], clips: int, seconds: float, random: np.random.Generator) -> None:
    for name, *_ in names:
        _tone(data / "wavs" / f"{name}.wav", seconds, random, 22_050)
    rows = [{"id": name, "split": "test", "seconds": seconds, "text": text} for name, _, text in names]
    for n in range(clips):
        (data / "wavs" / f"T{n}.wav").hardlink_to(data / "wavs" / f"{names[0][0]}.wav")
        split = "train" if n % 6 else "eval"
        rows.append({"id": f"T{n}", "split": split, "seconds": random.uniform(1, 10), "text": f"Learnt sentence {n}."})
    splits = {"mdata": ["train", "eval"], "mdata_train": ["train"], "mdata_eval": ["eval"], "mdata_test": ["test"]}
    for table, wanted in splits.items():
        chosen = [
            {"audio_file": f"wavs/{row['id']}.wav", "text": row["text"], "speaker_name": "demo"}
            for row in rows
            if row["split"] in wanted
        ]
        _table(data / f"{table}.csv", chosen, sep="|")
    measured = {"peak_dbfs": -3.0, "snr_db": 38.0, "text_tokens": 40}
    described = [{key: row[key] for key in ("id", "split", "seconds")} for row in rows]
    _table(data / "clips.csv", [{**row, "level_dbfs": random.normal(-24, 2), **measured} for row in described])
    rejected = [{"id": f"R{n}", "reason": "too_long", "detail": "12.0 s, at most 11.6"} for n in range(3)]
    _table(data / "rejected.csv", [*rejected, {"id": "R9", "reason": "silent", "detail": "-62.0 dBFS"}])
    _tone(data / "reference.wav", seconds, random, 22_050)
    criteria = {"seconds": [4.0, 6.0], "max_level_difference_db": 6.0, "min_snr_db": 20.0, "clips_compared": 9}
    criteria |= {"clips_of_speaker": 40, "score": "distance to the speaker's centre, the smallest wins"}
    candidate = {"utterance": "T1", "rank": 1, "seconds": seconds, "score": 0.4, "rejected_because": []}
    candidates = [candidate, {**candidate, "utterance": "T2", "rank": 2, "rejected_because": ["SNR 12.0 dB"]}]
    chosen = {"utterance": "T1", "source": "auto", "file": "wavs/T1.wav", "seconds": seconds, "text": "The reference."}
    _write(data / "reference.json", {**chosen, "criteria": criteria, "candidates": candidates})


def _speech(folder: Path, spoken: list[tuple], seconds: float, random: np.random.Generator) -> None:
    manifest, timing = [], []
    for number, (name, kind, text) in enumerate(spoken):
        length = seconds * random.uniform(0.8, 1.2)
        _tone(folder / f"{name}.wav", length, random)
        row = {"utterance": name, "kind": kind, "text": text, "audio_file": f"{name}.wav", "sentences": 1}
        row |= {"text_tokens": 20, "audio_tokens": 64, "stopped": str(number % 5 > 0).lower(), "seed": 7, "attempts": 1}
        manifest.append({**row, "seconds": round(length, 4), "sha256": "0" * 64})
        timing.append(
            _timing(name, "batch", length, length * random.uniform(0.5, 0.9), "decoding and vocoding, model loaded")
        )
    alone = [
        {**row, "mode": "alone", "clock": "alone"} for row in timing if row["utterance"] in ("test", "short", "long")
    ]
    audio = sum(row["audio_seconds"] for row in timing)
    timing.append(
        _timing("all", "batch", audio, audio * 0.2, "conditioning, decoding and vocoding of all, model loaded")
    )
    _table(folder / "manifest.csv", manifest)
    _table(folder / "timing.csv", timing + alone)
    _write(folder / "engine.json", {"device": "cpu", "device_name": "x86_64", "precision": "float32", "torch": "2.1.0"})


def _timing(name: str, mode: str, audio: float, wall: float, clock: str) -> dict:
    row = {"utterance": name, "mode": mode, "audio_seconds": audio, "wall_seconds": wall, "rtf": wall / audio}
    return {**row, "times_realtime": audio / wall, "clock": clock}


def _finetune(folder: Path) -> None:
    rows = [{"step": 0, "train_loss": None, "eval_loss": 6.9, "lr": None}]
    for step in range(10, 70, 10):
        evaluated = 5.2 + 1.2 * np.exp(-step / 20) + (0.1 if step == 60 else 0) if step % 20 == 0 else None
        rows.append({"step": step, "train_loss": 5 + 2 * np.exp(-step / 20), "eval_loss": evaluated, "lr": 1e-3})
    _table(folder / "history.csv", rows)
    summary = {"identity": "abc", "steps": 60, "stopped_early": False, "zero_shot_eval_loss": 6.9, "best_step": 40}
    summary |= {"best_eval_loss": 5.36, "improved": True, "precision": "fp32", "clips": {"train": 40, "eval": 8}}
    timing = {"device": "cpu", "gpu": None, "wall_seconds": 63.2, "steps_per_second": 1.1, "clips_per_second": 4.4}
    _write(folder / "summary.json", summary)
    _write(folder / "timing.json", {**timing, "peak_gpu_bytes": None, "peak_rss_bytes": 2_100_000_000})


def _scores(results: Path, spoken: list[tuple], held_out: list[str], random: np.random.Generator) -> None:
    rows, index = [], []
    for name, kind, text in spoken:
        for system in ("ground_truth", "zero_shot", "finetuned"):
            if system == "ground_truth" and name not in held_out:
                continue
            values = {key: random.uniform(*TRUE_RANGE.get(key, (0.9, 4.1))) for key in MEASURES}
            missing = (
                "" if name in held_out else "mcd: no recording of this text; f0_rmse_cents: no recording of this text"
            )
            if missing:
                values |= {"mcd": None, "f0_rmse_cents": None}
            row = {
                "utterance": name,
                "system": system,
                "kind": kind,
                "text": text,
                "seconds": 1.2,
                "transcript": "heard",
            }
            rows.append({**row, **values, "missing": missing})
            file = f"{system}/{name}.webp"
            (results / "figures" / system).mkdir(parents=True, exist_ok=True)
            noise = Image.fromarray(random.integers(0, 255, (20, 60), dtype=np.uint8)).resize((480, 150))
            noise.save(results / "figures" / file, "WEBP", quality=55)
            index.append(
                {"utterance": name, "system": system, "file": file, "alt": f"Spectrogram of {system}: “{text}”"}
            )
    alone = "another speaker's clips are there for the similarity alone"
    other = {"utterance": "stranger", "system": "other_speaker", "kind": "", "text": "", "seconds": 1.2, "secs": 0.5}
    rows.append({**other, "missing": "; ".join(f"{key}: {alone}" for key in MEASURES if key != "secs")})
    _table(results / "metrics.csv", rows)
    _write(results / "figures" / "index.json", index)
    _write(results / "summary.json", _summary(len(held_out), random))


def _summary(n: int, random: np.random.Generator) -> dict:
    def mean(value: float, half: float) -> dict:
        return {"mean": value, "low": value - half, "high": value + half, "n": n}

    def means(factor: float) -> dict:
        return {key: mean(factor * np.mean(TRUE_RANGE.get(key, (0.9, 4.1))), 0.03) for key in MEASURES}

    systems = {"ground_truth": means(1.1), "zero_shot": means(0.9), "finetuned": means(1.0)}
    difference = {
        key: mean(value, 0.02) for key, value in zip(MEASURES, random.normal(0, 0.05, len(MEASURES)), strict=True)
    }
    windows = [
        {
            "start": 5.0 * n,
            "end": 5.0 * n + 5,
            "secs": 0.8 - 0.03 * n,
            "cer": 0.1 * n,
            "dnsmos_ovrl": 3 - 0.2 * n,
            "plcmos": None,
        }
        | {"missing": {"plcmos": "not measured"}}
        for n in range(5)
    ]
    ways = {"split": windows, "unsplit": windows}
    return {
        "systems": list(systems),
        "means": {"all": systems, "held_out": systems},
        "paired": {"of": "finetuned minus zero_shot", "all": difference, "held_out": difference},
        "anchors": {
            "ceiling": {**mean(0.91, 0.02), "what": "real recordings"},
            "floor": {**mean(0.55, 0.05), "what": "another speaker"},
        },
        "windows": {"long": {"zero_shot": ways, "finetuned": ways}},
        "settings": {"suspect_if": "hit the token limit"},
        "hallucinations": [{"utterance": "line01", "system": "finetuned", "reasons": ["hit the token limit"]}],
    }


def _driver(results: Path) -> None:
    edges = [["demo_speech", "subset"], ["demo_model", "subset"], ["subset", "reference"], ["subset", "finetune"]]
    edges += [
        ["demo_model", "finetune"],
        ["reference", "synthesize"],
        ["finetune", "synthesize"],
        ["synthesize", "evaluate"],
    ]
    edges += [["synthesize", "page_audio"], ["page_audio", "report"], ["evaluate", "report"], ["report", "all"]]
    driver = {"git_revision": "0123456789abcdef", "git_dirty": False, "snakemake": "9.27.1", "command": ["snakemake"]}
    _write(results / "logs/driver.json", {**driver, "image": None, "rule_graph": edges, "environment": "venv"})
    for rule, seconds in (("finetune", 63.2), ("evaluate", 41.0), ("subset", 2.0)):
        row = {
            "s": seconds,
            "h:m:s": "0:01:03",
            "max_rss": 2011.5,
            "max_vms": 4000,
            "mean_load": 150.0,
            "cpu_time": 90.1,
        }
        _table(results / "benchmarks" / f"{rule}.tsv", [row], sep="\t")


def settings_file(folder: Path, settings: dict) -> Path:
    """The settings as a file, for people who pass one."""
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path
