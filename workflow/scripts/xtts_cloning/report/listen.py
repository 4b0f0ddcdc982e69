"""What the page's section Listen shows: each utterance with its systems side by side, and the clips to embed."""

import base64
import os
import urllib.parse
from pathlib import Path

from xtts_cloning.evaluation.measure_table import MEASURES, RTF
from xtts_cloning.report import run_files
from xtts_cloning.report.run_files import LABELS, SPOKEN
from xtts_cloning.report.scores import Scores
from xtts_cloning.words import number

KINDS = {"phrase": "phrase", "probe": "unsplit probe", "line": "line", "test": "held-out sentence"}
SHOWN = {"secs": "SECS", "cer": "CER", "dnsmos_ovrl": "DNSMOS", "plcmos": "PLCMOS", "f0_rmse_cents": "F0 error"}
SHOWN |= {"duration_ratio": "duration ratio"}
NO_TRUTH = "No recording of this text exists."


def utterances(data: Path, results: Path, scores: Scores) -> list[dict]:
    """One entry per text in the order spoken, each with a cell per system."""
    manifests = {system: _manifest(results / "speech" / system) for system in SPOKEN}
    speeds = {system: _speeds(results / "speech" / system) for system in SPOKEN}
    recorded = _recordings(data)
    texts = {row["utterance"]: row for rows in manifests.values() for row in rows.values()}
    suspects = {entry["utterance"] for entry in scores.suspects()}
    entries = []
    for name, row in texts.items():
        cells = [_recorded_cell(name, recorded, data, results, scores)]
        cells += [_spoken_cell(name, s, manifests[s], speeds[s], results, scores) for s in SPOKEN]
        entries.append(
            {
                "id": name,
                "kind": row["kind"],
                "kind_label": KINDS.get(row["kind"], row["kind"]),
                "text": row["text"],
                "suspect": name in suspects,
                "cells": cells,
                "sort_values": _sort_values(name, row, scores),
            }
        )
    return entries


def _manifest(folder: Path) -> dict[str, dict]:
    """{utterance: row} of a manifest.csv; empty if there is none."""
    table = run_files.read_table(folder / "manifest.csv")
    return {} if table is None else {row["utterance"]: row for row in table.to_dict("records")}


def _speeds(folder: Path) -> dict[str, float]:
    """{utterance: RTF} of a timing.csv: its share of the batch's time over its length."""
    table = run_files.read_table(folder / "timing.csv")
    return {} if table is None else table[table["mode"] == "batch"].set_index("utterance")["rtf"].to_dict()


def _recordings(data: Path) -> dict[str, dict]:
    """{utterance: audio_file and seconds} of the held-out recordings."""
    table = run_files.read_table(data / "mdata_test.csv", "|")
    clips = run_files.read_table(data / "clips.csv")
    seconds = {} if clips is None else dict(zip(clips["id"], clips["seconds"], strict=True))
    files = [] if table is None else table["audio_file"]
    return {Path(file).stem: {"audio_file": file, "seconds": seconds.get(Path(file).stem)} for file in files}


def _recorded_cell(name: str, recorded: dict, data: Path, results: Path, scores: Scores) -> dict:
    cell = {"system": "ground_truth", "label": LABELS["ground_truth"]}
    if name not in recorded or not recorded[name]["seconds"]:
        return {**cell, "absent": NO_TRUTH}
    wav = data / recorded[name]["audio_file"]
    clip = _clip(name, "ground_truth", recorded[name]["seconds"], wav, results, scores)
    return {**cell, "clip": clip, **_shown(name, "ground_truth", scores)}


def _spoken_cell(name: str, system: str, manifest: dict, speeds: dict, results: Path, scores: Scores) -> dict:
    cell = {"system": system, "label": LABELS[system]}
    if name not in manifest:
        return {**cell, "absent": "Not spoken by this system."}
    row = manifest[name]
    notes = [] if row["stopped"] else ["cut off at the token limit"]
    if row["attempts"] > 1:
        notes.append(f"best of {row['attempts']} attempts")
    clip = _clip(name, system, row["seconds"], results / "speech" / system / row["audio_file"], results, scores)
    shown = _shown(name, system, scores)
    if name in speeds:
        shown["scores"].append(("RTF", number(speeds[name], RTF.digits)))
    return {**cell, "note": ", ".join(notes), "clip": clip, **shown}


def _clip(name: str, system: str, seconds: float, wav: Path, results: Path, scores: Scores) -> dict:
    """What the player needs; the WAV's link is relative to the page."""
    picture = scores.pictures.get((name, system))
    return {
        "name": f"{system}/{name}",
        "title": f"{name}, {LABELS[system].lower()}",
        "seconds": seconds,
        "wav": _link(wav, results),
        "image": _data_uri(results / "figures" / picture["file"]) if picture else None,
        "alt": picture["alt"] if picture else "",
    }


def reference_clip(reference: dict, data: Path, results: Path) -> dict:
    """The reference as a clip of its own, without a picture."""
    wav = _link(data / "reference.wav", results)
    clip = {"name": "reference/reference", "title": "the reference clip", "seconds": reference["seconds"], "wav": wav}
    return {**clip, "image": None, "alt": ""}


def _link(file: Path, page: Path) -> str:
    """A file's address relative to the folder of the page; # ? % in a name mean something else in an address."""
    return urllib.parse.quote(os.path.relpath(file, page))


def _data_uri(path: Path) -> str | None:
    if not path.is_file():
        return None
    return f"data:image/{path.suffix[1:]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _shown(name: str, system: str, scores: Scores) -> dict:
    """What stands under a player. scores: (label, value); empty: (labels, the reason why these have no value)."""
    values: list[tuple[str, str]] = []
    empty: dict[str, list[str]] = {}
    for measure, label in SHOWN.items():
        value, reason = scores.of(name, system, measure)
        if value is not None:
            values.append((label, number(value, MEASURES[measure].digits)))
        elif reason:
            empty.setdefault(reason, []).append(label)
    return {"scores": values, "empty": [(", ".join(labels), reason) for reason, labels in empty.items()]}


def sort_keys() -> list[tuple[str, str]]:
    """What the page can sort by: (key of sort_values, label)."""
    keys = [("seconds", "length"), ("secs_difference", "SECS, fine-tuned minus zero-shot")]
    return keys + [(measure, f"{label}, fine-tuned") for measure, label in SHOWN.items()]


def _sort_values(name: str, row: dict, scores: Scores) -> dict[str, float | None]:
    values = {measure: scores.of(name, "finetuned", measure)[0] for measure in SHOWN}
    zero_shot = scores.of(name, "zero_shot", "secs")[0]
    both = values["secs"] is not None and zero_shot is not None
    values["secs_difference"] = values["secs"] - zero_shot if both else None
    values["seconds"] = row["seconds"]
    return {key: None if value is None else round(value, 5) for key, value in values.items()}


def embed(entries: list[dict], reference: dict | None, results: Path, budget: int) -> dict[str, str]:
    """{clip name: MP3 in base64} in the page's order until `budget` characters are used; marks what is embedded."""
    clips: list[dict] = [reference] if reference else []
    clips += [cell["clip"] for entry in entries for cell in entry["cells"] if "clip" in cell]
    embedded: dict[str, str] = {}
    used = 0
    for clip in clips:
        path = results / "page_audio" / f"{clip['name']}.mp3"
        clip["embedded"] = path.is_file() and used + path.stat().st_size * 4 // 3 <= budget
        if clip["embedded"]:
            embedded[clip["name"]] = base64.b64encode(path.read_bytes()).decode()
            used += len(embedded[clip["name"]])
    return embedded
