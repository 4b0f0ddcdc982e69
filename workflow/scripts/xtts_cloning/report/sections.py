"""What the page's sections on fine-tuning, data, reference and speed show: facts, sentences and charts."""

from pathlib import Path

import pandas
from markupsafe import Markup

from xtts_cloning.report import charts, costs, run_files
from xtts_cloning.report.run_files import LABELS, SPOKEN
from xtts_cloning.words import TIMES, duration, number, plural, size

STEPS = {
    "finetune": "Fine-tuning",
    **{f"synthesize {system}": f"Speech, {LABELS[system].lower()}" for system in SPOKEN},
}


def finetuning(settings: dict, results: Path) -> dict | None:
    """Loss curves, learning rate and facts of the training; None without its history and summary."""
    history = run_files.read_table(results / "finetune" / "history.csv")
    summary = run_files.read_json(results / "finetune" / "summary.json")
    if history is None or summary is None:
        return None
    best, before, after = summary["best_step"], summary["zero_shot_eval_loss"], summary["best_eval_loss"]
    sentence = (
        f"The evaluation loss went from {before:.3f} (zero-shot) to {after:.3f} at step {best}, which was exported."
    )
    if not summary["improved"]:
        sentence = (
            f"No trained step was better than the zero-shot model: its evaluation loss is {before:.3f}, the best "
            f"trained step ({best}, exported all the same) has {after:.3f}. Expect no better speech than zero-shot."
        )
    return {
        "sentence": sentence,
        "facts": _finetuning_facts(settings["finetune"], summary, results),
        "plots": [
            (
                charts.loss_curve(history, best),
                "Loss on the training and the evaluation clips; the exported step is marked.",
            ),
            (charts.learning_rate(history), "Learning rate."),
        ],
        "before": before,
        "after": after,
        "best_step": best,
        "steps": summary["steps"],
        "stopped_early": summary["stopped_early"],
    }


def _finetuning_facts(configured: dict, summary: dict, results: Path) -> list[tuple[str, str]]:
    timing = run_files.read_json(results / "finetune" / "timing.json") or {}
    steps = f"{summary['steps']:,} of {configured['max_steps']:,}" + (
        ", stopped early" if summary["stopped_early"] else ""
    )
    rows = [
        ("Steps", steps),
        ("Batch", f"{configured['batch_size']} clips {TIMES} {configured['grad_accum']} accumulated"),
        ("Clips", f"{summary['clips']['train']} to train, {summary['clips']['eval']} to evaluate"),
        ("Precision", summary["precision"]),
        ("Device", costs.device_name(timing) if timing else "not recorded"),
    ]
    if timing:
        rows += [
            ("Wall time", duration(timing["wall_seconds"])),
            ("Throughput", f"{timing['steps_per_second']:.2f} steps/s, {timing['clips_per_second']:.1f} clips/s"),
            ("Peak GPU memory", size(timing["peak_gpu_bytes"]) if timing.get("peak_gpu_bytes") else "no GPU ran"),
            ("Peak resident memory", size(timing["peak_rss_bytes"])),
        ]
    return rows


def dataset(data: Path) -> dict:
    """Histograms of the chosen clips and the rejected rows by reason."""
    clips = run_files.read_table(data / "clips.csv")
    rejected = run_files.read_table(data / "rejected.csv")
    section: dict = {"facts": [], "plots": [], "rejected": [], "seconds": None}
    if clips is not None:
        learned = clips[clips["split"] != "test"]
        section["clips"], section["seconds"] = len(learned), float(learned["seconds"].sum())
        for split, name in (
            ("train", "To train on"),
            ("eval", "To evaluate the loss"),
            ("test", "Held out as ground truth"),
        ):
            part = clips[clips["split"] == split]
            section["facts"].append((name, f"{plural(len(part), 'clip')}, {duration(part['seconds'].sum())}"))
        quantities = (("seconds", "duration (s)"), ("level_dbfs", "level (dBFS)"), ("snr_db", "SNR (dB)"))
        for column, label in quantities:
            values = clips[column].dropna().tolist()
            if values:
                section["plots"].append(
                    (charts.histogram(column.replace("_", "-"), values, label), f"All clips: {label}.")
                )
    if rejected is not None:
        section["facts"].append(("Rows left out", f"{len(rejected):,}"))
        for reason, rows in sorted(rejected.groupby("reason"), key=lambda group: -len(group[1])):
            first = rows.iloc[0]
            detail = "" if pandas.isna(first["detail"]) else f": {first['detail']}"
            row = {"reason": reason.replace("_", " "), "rows": f"{len(rows):,}", "example": f"{first['id']}{detail}"}
            section["rejected"].append(row)
    return section


def reference(data: Path) -> dict | None:
    """Why this reference clip: its criteria in a sentence and the candidates as a table."""
    found = run_files.read_json(data / "reference.json")
    if found is None:
        return None
    name = found["utterance"] or found["file"]
    how = "named by the config"
    if found["source"] == "auto":
        criteria = found["criteria"]
        how = (
            f"the best of {plural(criteria['clips_compared'], 'clip')} of {criteria['seconds'][0]:g} to "
            f"{criteria['seconds'][1]:g} s, out of {criteria['clips_of_speaker']:,}: level within "
            f"{criteria['max_level_difference_db']:g} dB of the speaker's median, no clipping, SNR of at least "
            f"{criteria['min_snr_db']:g} dB, quiet start and end; among these, {criteria['score']}"
        )
    candidates = pandas.DataFrame(found["candidates"])
    if len(candidates) and "rejected_because" in candidates:
        candidates["rejected_because"] = candidates["rejected_because"].map(lambda reasons: "; ".join(reasons or []))
    return {
        "name": name,
        "seconds": found["seconds"],
        "text": found.get("text"),
        "sentence": f"{name}, {found['seconds']:.2f} s: {how}.",
        "columns": [column.replace("_", " ") for column in candidates.columns],
        "candidates": candidates.astype(object).where(candidates.notna(), "").values.tolist()
        if len(candidates) > 1
        else [],
    }


def speed(settings: dict, results: Path, source_figures: dict) -> dict:
    """Speeds of both systems, time per rule, and costs; those of GPUs that did not run are quoted from the source."""
    speeds = [{**row, "label": LABELS[row["system"]]} for row in costs.speeds(results)]
    rules = [
        {
            **row,
            "time": duration(row["seconds"]),
            "memory": size(row["max_rss_mb"] * 2**20) if pandas.notna(row["max_rss_mb"]) else "",
        }
        for row in costs.rule_times(results)
    ]
    return {
        "speeds": speeds,
        "speed_plot": _speed_plot(results),
        "rule_times": rules,
        "costs": _cost_rows(settings, results, source_figures),
    }


def _speed_plot(results: Path) -> list[tuple[Markup, str]]:
    groups = []
    for system in SPOKEN:
        timing = run_files.read_table(results / "speech" / system / "timing.csv")
        if timing is not None:
            rows = timing[timing["mode"] == "alone"]
            groups.append((LABELS[system], system, rows["audio_seconds"].tolist(), rows["times_realtime"].tolist()))
    if not groups:
        return []
    description = "Speed in times real time against the length of the utterance"
    svg = charts.scatter("speed", description, groups, ("audio (s)", "times real time"))
    return [(svg, "Speed against length, each utterance by itself.")]


def _cost_rows(settings: dict, results: Path, source_figures: dict) -> list[dict]:
    rows = []
    for row in costs.gpu_costs(results, settings["report"]["gpu_price_per_hour"]):
        cost, whose = "", "measured here; no GPU ran, so there is no price"
        if row["usd"] is not None:
            cost = f"{number(row['usd'], 2 if row['usd'] >= 0.1 else 4)} USD"
            whose = f"measured here, at {row['per_hour']:g} USD an hour ({row['gpu']}, report.gpu_price_per_hour)"
        elif row["on_gpu"]:
            whose = "measured here; report.gpu_price_per_hour names no price for this GPU"
        rows.append(
            {
                "what": STEPS[row["step"]],
                "device": row["device"],
                "time": duration(row["seconds"]),
                "cost": cost,
                "whose": whose,
            }
        )
    for figure in source_figures["figures"]:
        if "gpu" in figure:
            whose = "the source document's plan, not measured here"
            row = {"what": figure["what"], "device": figure["gpu"], "time": figure["time"], "cost": figure["cost"]}
            rows.append({**row, "whose": whose, "quoted": True})
    return rows
