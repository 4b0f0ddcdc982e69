"""The source document's figures with this run's own beside them, or the reason why there is none."""

from pathlib import Path

from xtts_cloning.report import costs, run_files
from xtts_cloning.report.run_files import LABELS, SPOKEN
from xtts_cloning.report.scores import Scores
from xtts_cloning.words import duration, size


def rows(figures: list[dict], settings: dict, results: Path, scores: Scores, dataset: dict, reference) -> list[dict]:
    """The figures of source_figures.yaml with `measured` (None where there is none) and the `reason` for that."""
    measured = {
        "short_phrase": lambda: _short_phrase(results),
        "speed": lambda: _speed(results),
        "quality_range": lambda: _quality_range(scores),
        "training_data": lambda: _training_data(dataset),
        "reference": lambda: f"one clip of {reference['seconds']:.1f} s" if reference else None,
        "samples": lambda: _samples(settings, results),
        "fine_tuning": lambda: _fine_tuning(settings, results),
        "gpu_memory": lambda: _gpu_memory(results),
    }
    beside = []
    for figure in figures:
        if "gpu" in figure:
            text, reason = _cost(figure["gpu"], settings, results), f"no {figure['gpu']} ran"
        else:
            text, reason = measured[figure["measured"]](), figure.get("otherwise", "its step left no file")
        beside.append({**figure, "measured": text, "reason": reason})
    return beside


def _short_phrase(results: Path) -> str | None:
    """Wall seconds of the phrase `short`, spoken by itself."""
    found = []
    for system in SPOKEN:
        timing = run_files.read_table(results / "speech" / system / "timing.csv")
        if timing is None:
            continue
        for row in timing[(timing["utterance"] == "short") & (timing["mode"] == "alone")].itertuples():
            found.append(f"{LABELS[system].lower()} {row.wall_seconds:.2f} s for {row.audio_seconds:.1f} s of audio")
    return "\n".join(found) or None


def _speed(results: Path) -> str | None:
    found = []
    for row in costs.speeds(results):
        for mode, words in (("single", "one stream"), ("batched", "one batch")):
            if mode in row:
                speed = f"{row[mode]['times_realtime']:.2f} times real time (RTF {row[mode]['rtf']:.3f}), {words}"
                found.append(f"{LABELS[row['system']].lower()} {speed}")
    return "\n".join(found) or None


def _quality_range(scores: Scores) -> str | None:
    """Signal quality in the first and the last window of the unsplit long text."""
    found = []
    for _, system, way, windows in scores.windows():
        rated = [window for window in windows if window.get("dnsmos_ovrl") is not None]
        if way == "unsplit" and rated:
            ends = [rated[0], rated[-1]] if len(rated) > 1 else rated
            values = [f"{w['dnsmos_ovrl']:.2f} at {w['start']:.0f} to {w['end']:.0f} s" for w in ends]
            found.append(f"{LABELS[system].lower()}, unsplit: DNSMOS OVRL {', '.join(values)}")
    return "\n".join(found) or None


def _training_data(dataset: dict) -> str | None:
    return f"{dataset['clips']} clips, {dataset['seconds'] / 60:.1f} minutes" if dataset["seconds"] else None


def _samples(settings: dict, results: Path) -> str | None:
    """Lengths of the configured phrases as the fine-tuned system spoke them."""
    manifest = run_files.read_table(results / "speech" / "finetuned" / "manifest.csv")
    if manifest is None:
        return None
    rows = manifest[manifest["kind"] == "phrase"]
    return "; ".join(f"{row.utterance}.wav {row.seconds:.1f} s" for row in rows.itertuples())


def _fine_tuning(settings: dict, results: Path) -> str | None:
    summary = run_files.read_json(results / "finetune" / "summary.json")
    if summary is None:
        return None
    batch = settings["finetune"]["batch_size"] * settings["finetune"]["grad_accum"]
    losses = f"evaluation loss {summary['zero_shot_eval_loss']:.3f} to {summary['best_eval_loss']:.3f}"
    return f"completed: {summary['steps']:,} steps of {batch} clips, {summary['precision']}; {losses}"


def _cost(gpu: str, settings: dict, results: Path) -> str | None:
    for row in costs.gpu_costs(results, settings["report"]["gpu_price_per_hour"]):
        if row["step"] == "finetune" and row["gpu"] == gpu:
            return f"{duration(row['seconds'])}, {row['usd']:.2f} USD"
    return None


def _gpu_memory(results: Path) -> str | None:
    timing = run_files.read_json(results / "finetune" / "timing.json") or {}
    return f"{size(timing['peak_gpu_bytes'])} at the peak" if timing.get("peak_gpu_bytes") else None
