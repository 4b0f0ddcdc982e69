"""What `evaluate` measured, as the page asks for it: by clip, by system, fine-tuned minus zero-shot, and over time."""

import re
from pathlib import Path
from typing import NamedTuple

import pandas

from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.report import run_files


class Mean(NamedTuple):
    """A mean with its 95 % bootstrap interval (None for a single value), and the number of clips."""

    mean: float
    low: float | None
    high: float | None
    n: int


class Scores(NamedTuple):
    """The content of metrics.csv, summary.json and figures/; all empty where `evaluate` has left nothing."""

    rows: dict[tuple[str, str], dict]  # (utterance, system) -> row of metrics.csv, `missing` as {measure: reason}
    summary: dict
    pictures: dict[tuple[str, str], dict]  # (utterance, system) -> {file, alt}

    def of(self, utterance: str, system: str, measure: str) -> tuple[float | None, str]:
        """A clip's value, or None and the reason (empty where the clip was not measured at all)."""
        row = self.rows.get((utterance, system), {})
        value = row.get(measure)
        if value is None or pandas.isna(value):
            return None, row.get("missing", {}).get(measure, "")
        return float(value), ""

    def mean(self, system: str, measure: str) -> Mean | None:
        """The system's mean over the held-out sentences; for another speaker, the floor of the similarity."""
        if system == "other_speaker":
            return _mean(self.summary.get("anchors", {}).get("floor")) if measure == "secs" else None
        return _mean(self.summary.get("means", {}).get("held_out", {}).get(system, {}).get(measure))

    def anchor(self, side: str) -> str:
        """What the similarity's ceiling or floor is, in words; empty where there is none."""
        return (self.summary.get("anchors", {}).get(side) or {}).get("what", "")

    def difference(self, measure: str) -> Mean | None:
        """Fine-tuned minus zero-shot on the held-out sentences."""
        return _mean(self.summary.get("paired", {}).get("held_out", {}).get(measure))

    def windows(self) -> list[tuple[str, str, str, list[dict]]]:
        """(text, system, split or unsplit, windows) of each text that is measured over time."""
        found = self.summary.get("windows", {})
        return [
            (t, s, way, w) for t, systems in found.items() for s, ways in systems.items() for way, w in ways.items()
        ]

    def suspects(self) -> list[dict]:
        """Clips that may have gone wrong: utterance, system, reasons."""
        return self.summary.get("hallucinations", [])


def _mean(entry: dict | None) -> Mean | None:
    return Mean(entry["mean"], entry["low"], entry["high"], entry["n"]) if entry else None


def read(results: Path) -> Scores:
    """What lies in a run's folder."""
    table = run_files.read_table(results / "metrics.csv")
    rows = {} if table is None else {(row["utterance"], row["system"]): row for row in table.to_dict("records")}
    for row in rows.values():
        row["missing"] = _reasons(row["missing"]) if isinstance(row.get("missing"), str) else {}
    index = run_files.read_json(results / "figures" / "index.json") or []
    pictures = {(entry["utterance"], entry["system"]): entry for entry in index}
    return Scores(rows, run_files.read_json(results / "summary.json") or {}, pictures)


def _reasons(text: str) -> dict[str, str]:
    """`measure: reason; measure: reason` as a dict."""
    parts = re.split(rf"(?:^|; )({'|'.join(MEASURES)}): ", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
