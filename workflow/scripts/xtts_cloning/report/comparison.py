"""The page's summary: the verdict in numbers, every measure, and the source document's figures beside this run's."""

from markupsafe import Markup

from xtts_cloning.evaluation.measure_table import MEASURES, Measure
from xtts_cloning.report import charts
from xtts_cloning.report.run_files import LABELS
from xtts_cloning.report.scores import Mean, Scores
from xtts_cloning.words import TIMES, duration, number

COLUMNS = ("ground_truth", "zero_shot", "finetuned", "other_speaker")
SHORT = {**LABELS, "other_speaker": "Other speaker"}
HEADLINES = ("secs", "cer", "dnsmos_ovrl")
ARROWS = {"higher": "↑ higher is better", "lower": "↓ lower is better", None: ""}


def measure_rows(scores: Scores) -> list[dict]:
    """Every measure that has a value for some system: a cell per system, and one for the paired difference."""
    rows = []
    for key, measure in MEASURES.items():
        means = {system: scores.mean(system, key) for system in COLUMNS}
        if any(means.values()):
            cells = [
                _cell(mean, measure.digits) or {"reason": why_no_mean(key, s, scores)} for s, mean in means.items()
            ]
            difference = scores.difference(key)
            last = _cell(difference, measure.digits, sign=True) or {"reason": "needs both systems' values"}
            row = {"label": capital(measure.label), "against": measure.compared_with, "about": about(measure)}
            row["better"] = ", ".join(filter(None, [measure.unit, ARROWS[measure.better]]))
            rows.append({**row, "cells": [*cells, {**last, "verdict": verdict(key, difference)}]})
    return rows


def footnotes(rows: list[dict]) -> list[str]:
    """The reasons of the rows' empty cells, each once; the cells get their number as `note`."""
    empty = [cell for row in rows for cell in row["cells"] if "reason" in cell]
    reasons = list(dict.fromkeys(cell["reason"] for cell in empty))
    for cell in empty:
        cell["note"] = 1 + reasons.index(cell["reason"])
    return reasons


def about(measure: Measure) -> str:
    """What a measure is good for and not, and whose work it is."""
    return f"{measure.good_for} {measure.not_for} By {measure.library}."


def _cell(mean: Mean | None, digits: int, sign: bool = False) -> dict | None:
    return mean and {"mean": number(mean.mean, digits, sign), "interval": _interval(mean, digits, sign)}


def _interval(mean: Mean, digits: int, sign: bool = False) -> str:
    if mean.low is None:
        return f"(n = {mean.n})"
    return f"[{number(mean.low, digits, sign)}, {number(mean.high, digits, sign)}]"


def verdict(key: str, difference: Mean | None) -> str:
    """better or worse where the interval of fine-tuned minus zero-shot leaves zero out, else empty."""
    better = MEASURES[key].better
    if better is None or difference is None or difference.low is None or difference.low <= 0 <= difference.high:
        return ""
    return "better" if (difference.mean > 0) == (better == "higher") else "worse"


def tiles(scores: Scores, finetuning: dict | None, speeds: list[dict], gpu_costs: list[dict]) -> list[dict]:
    """The headline numbers of the fine-tuned system, each with what it must be read against."""
    found = [_measure_tile(key, scores) for key in HEADLINES if scores.mean("finetuned", key)]
    own = next((row for row in speeds if row["system"] == "finetuned"), {})
    if "single" in own:
        tile = {"label": "Times real time", "value": number(own["single"]["times_realtime"]), "unit": TIMES}
        context = f"one stream on {own['device']}, RTF {own['single']['rtf']:.2f}"
        if "batched" in own:
            context += f"; as one batch {own['batched']['times_realtime']:.2f}{TIMES}"
        found.append({**tile, "context": context})
    if finetuning:
        tile = {"label": "Evaluation loss", "value": number(finetuning["after"], 3)}
        change = finetuning["after"] - finetuning["before"]
        tile |= {
            "change": f"{number(change, 3, sign=True)} from zero-shot",
            "verdict": "better" if change < 0 else "worse",
        }
        context = f"exported step {finetuning['best_step']}"
        priced = next((row for row in gpu_costs if row["step"] == "finetune"), None)
        if priced:
            context += f"; {duration(priced['seconds'])} on {priced['device']}"
            context += f", {priced['usd']:.2f} USD" if priced["usd"] is not None else ""
        found.append({**tile, "context": context})
    return found


def _measure_tile(key: str, scores: Scores) -> dict:
    measure, mean, difference = MEASURES[key], scores.mean("finetuned", key), scores.difference(key)
    tile = {"label": capital(measure.label.split(" (")[0]), "value": number(mean.mean, measure.digits)}
    if difference:
        interval = _interval(difference, measure.digits, sign=True)
        tile["change"] = f"{number(difference.mean, measure.digits, sign=True)} {interval} vs zero-shot"
        tile["verdict"] = verdict(key, difference)
    anchors = [("zero-shot", "zero_shot"), ("real recordings", "ground_truth"), ("another speaker", "other_speaker")]
    read = [(words, scores.mean(system, key)) for words, system in anchors]
    tile["context"] = "; ".join(f"{words} {number(mean.mean, measure.digits)}" for words, mean in read if mean)
    return tile


def capital(label: str) -> str:
    return label[0].upper() + label[1:]


def sentences(scores: Scores) -> list[str]:
    """The verdict in words, one sentence for what changed and one for what did not."""
    keys = [key for key, measure in MEASURES.items() if measure.better and scores.difference(key)]
    judged = [(MEASURES[key].label, verdict(key, scores.difference(key))) for key in keys]
    better = [label for label, word in judged if word == "better"]
    worse = [label for label, word in judged if word == "worse"]
    open_ones = [label for label, word in judged if not word]
    found = []
    if better:
        found.append(f"Fine-tuning improved {_listed(better)}.")
    if worse:
        found.append(f"It made {_listed(worse)} worse." if better else f"Fine-tuning made {_listed(worse)} worse.")
    if open_ones:
        found.append(f"No difference is shown in {_listed(open_ones)}: the interval of the difference holds zero.")
    return found


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def interval_plots(scores: Scores) -> list[tuple[Markup, str]]:
    """The headline measures as means with their intervals, between the anchors."""
    plots = []
    for key in HEADLINES:
        means = [(system, scores.mean(system, key)) for system in COLUMNS]
        rows = [(SHORT[system], system, mean) for system, mean in means if mean and mean.low is not None]
        if len(rows) > 1:
            label = MEASURES[key].label
            description = f"{label}: " + ", ".join(f"{name} {mean.mean:.3f}" for name, _, mean in rows)
            bars = [(name, system, mean.mean, mean.low, mean.high) for name, system, mean in rows]
            svg = charts.intervals(f"interval-{key}", description, bars, label)
            plots.append((svg, f"{capital(label)}: means and 95% intervals."))
    return plots


def quality_plots(scores: Scores) -> list[tuple[Markup, str]]:
    """Each windowed measure over the long text's time, split (solid) and unsplit (dashed)."""
    plots = []
    for key in ("secs", "cer", "dnsmos_ovrl", "plcmos"):
        curves = []
        for _, system, way, windows in scores.windows():
            points = [window for window in windows if window.get(key) is not None]
            if points:
                middles = [(window["start"] + window["end"]) / 2 for window in points]
                style = "--" if way == "unsplit" else "-"
                curves.append((f"{SHORT[system]}, {way}", system, style, middles, [window[key] for window in points]))
        if curves:
            label = MEASURES[key].label
            description = f"{label} over time of the long text, split and unsplit, by system"
            svg = charts.curves(f"time-{key}", description, curves, ("time in the text (s)", label))
            plots.append((svg, f"{capital(label)} over time."))
    return plots


def unmeasured(settings: dict, scores: Scores, priced: list[dict]) -> list[tuple[str, str]]:
    """(what, why) of everything that a reader may look for in vain."""
    asr, similarity = settings["evaluation"]["asr"], settings["evaluation"]["similarity"]
    found = [("Naturalness (MOS)", "nobody listened; DNSMOS and PLCMOS rate the signal, not how human it sounds")]
    if asr == "pocketsphinx":
        why = "evaluation.asr is pocketsphinx, which runs offline; set it to whisper for the field's convention"
        found.append(("WER by Whisper", why))
    if similarity == "resemblyzer":
        why = "evaluation.similarity is resemblyzer, which runs offline; set it to wavlm for the field's convention"
        found.append(("Similarity by WavLM", why))
    if not scores.mean("other_speaker", "secs"):
        found.append(("Another speaker's floor", why_no_mean("secs", "other_speaker", scores)))
    for key, measure in MEASURES.items():
        if scores.mean("finetuned", key) is None:
            found.append((capital(measure.label), why_no_mean(key, "finetuned", scores)))
    ran = {row["gpu"] for row in priced}
    for gpu in settings["report"]["gpu_price_per_hour"]:
        if gpu not in ran:
            found.append(
                (f"Time and cost on an {gpu}", f"no {gpu} ran; the figures shown for it are the source document's")
            )
    return found


def why_no_mean(key: str, system: str, scores: Scores) -> str:
    """The reason that most of the system's clips give."""
    rows = [row for (_, whose), row in scores.rows.items() if whose == system]
    if system == "other_speaker" and not rows:
        return "evaluation.other_speaker is null"
    reasons = [row["missing"].get(key) for row in rows]
    reasons = [reason for reason in reasons if reason]
    return max(set(reasons), key=reasons.count) if reasons else "evaluate left no value"
