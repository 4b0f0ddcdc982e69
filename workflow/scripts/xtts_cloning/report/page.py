"""The report: gather what a run has left, and write one self-contained page with its provenance beside it."""

import base64
import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import yaml
from markupsafe import Markup

from xtts_cloning import config, products
from xtts_cloning.evaluation.measure_table import RTF
from xtts_cloning.report import (
    comparison,
    costs,
    crate,
    dag,
    listen,
    provenance,
    run_files,
    scores,
    sections,
    source_figures,
)
from xtts_cloning.report.run_files import LABELS
from xtts_cloning.words import duration, plural, size

TEMPLATES = config.ROOT / "workflow" / "report"
SECTIONS = [
    ("summary", "Summary"),
    ("listen", "Listen"),
    ("finetuning", "Fine-tuning"),
    ("data", "Data"),
    ("speed", "Speed and cost"),
    ("provenance", "Provenance"),
]
PAGE_BYTES = 14_500_000  # the page must stay below 15 MB; what does not fit is played from its WAV
STAND_IN = "Random-weight stand-in"  # how the config.json of such a model describes itself


def write(settings: dict, data: Path, results: Path, model: Path, output: Path) -> None:
    """Write the page, and beside it provenance.json, ro-crate-metadata.json and a copy of the workflow's rules."""
    collected = provenance.collect(settings, data, results, model)
    text = page(settings, data, results, model, collected)
    title = settings["report"]["title"]
    _write(output.with_name("provenance.json"), json.dumps(collected, indent=2, ensure_ascii=False) + "\n")
    _write(output.with_name("ro-crate-metadata.json"), crate.describe(collected, results, title, _ended(results)))
    with products.folder(rules_copy(output)) as folder:
        shutil.copy(config.ROOT / "Snakefile", folder / "Snakefile")
        shutil.copytree(config.ROOT / "workflow" / "rules", folder / "workflow" / "rules")
    _write(output, text)


def beside(output: Path) -> list[Path]:
    """The files that `write` writes: the page itself and what is always beside it."""
    return [output, output.with_name("provenance.json"), output.with_name("ro-crate-metadata.json")]


def rules_copy(output: Path) -> Path:
    """The folder beside the page where a copy of the workflow's rules goes."""
    return output.with_name("workflow")


def page(settings: dict, data: Path, results: Path, model: Path, collected: dict) -> str:
    """The page's HTML. Everything that is not markup of ours is escaped by the templates."""
    source = yaml.safe_load((TEMPLATES / "source_figures.yaml").read_text(encoding="utf-8"))
    found = scores.read(results)
    shown = {
        "settings": settings,
        "run": settings["run"],
        "title": settings["report"]["title"],
        "stand_in": is_stand_in(model),
        "sections": SECTIONS,
        "finetuning": sections.finetuning(settings, results),
        "dataset": sections.dataset(data),
        "dataset_name": Path(settings["dataset"]["archive"]).name,
        "reference": sections.reference(data),
        **sections.speed(settings, results, source),
    }
    shown |= _summary(settings, data, results, found, shown, source)
    shown |= _listen(settings, data, results, found, shown["reference"])
    shown |= _provenance(collected)
    return _render(shown)


def is_stand_in(model: Path) -> bool:
    """Whether the model is a random-weight stand-in, by its own description."""
    described = run_files.read_json(model / "config.json") or {}
    return str(described.get("run_description", "")).startswith(STAND_IN)


def _summary(settings: dict, data: Path, results: Path, found: scores.Scores, shown: dict, source: dict) -> dict:
    priced = costs.gpu_costs(results, settings["report"]["gpu_price_per_hour"])
    measures = comparison.measure_rows(found)
    rows = source_figures.rows(source["figures"], settings, results, found, shown["dataset"], shown["reference"])
    return {
        "lede": _lede(settings, shown),
        "verdict": {
            "tiles": comparison.tiles(found, shown["finetuning"], shown["speeds"], priced),
            "sentences": comparison.sentences(found),
        },
        "confidence": "95%",
        "measures": measures,
        "footnotes": comparison.footnotes(measures),
        "rtf": {"label": comparison.capital(RTF.label), "about": comparison.about(RTF)},
        "anchors": [(name, what) for name in ("ceiling", "floor") if (what := found.anchor(name))],
        "measure_columns": [(system, comparison.SHORT[system]) for system in comparison.COLUMNS],
        "interval_plots": comparison.interval_plots(found),
        "source": {"source": source["source"], "rows": rows},
        "unmeasured": comparison.unmeasured(settings, found, priced),
    }


def _lede(settings: dict, shown: dict) -> str:
    name = "A stand-in for XTTS-v2" if shown["stand_in"] else "XTTS-v2"
    dataset, reference = shown["dataset"], shown["reference"]
    learned = f" on {plural(dataset['clips'], 'clip')} ({duration(dataset['seconds'])})" if dataset["seconds"] else ""
    heard = f", cloning from a reference of {reference['seconds']:.1f} s" if reference else ""
    return (
        f"{name}, fine-tuned{learned} of {settings['speaker']}{heard}; compared with the same model as it was "
        f"(zero-shot) and with {plural(settings['subset']['test_clips'], 'held-out recording')}."
    )


def _listen(settings: dict, data: Path, results: Path, found: scores.Scores, reference: dict | None) -> dict:
    entries = listen.utterances(data, results, found)
    if reference:
        reference["clip"] = listen.reference_clip(reference, data, results)
    kinds = [(kind, label) for kind, label in listen.KINDS.items() if any(entry["kind"] == kind for entry in entries)]
    return {
        "utterances": entries,
        "kinds": kinds,
        "columns": list(LABELS.items()),
        "sort_keys": listen.sort_keys(),
        "suspects": [{**entry, "label": LABELS[entry["system"]]} for entry in found.suspects()],
        "suspect_if": found.summary.get("settings", {}).get("suspect_if"),
        "quality_plots": comparison.quality_plots(found),
        "window_seconds": settings["evaluation"]["window_seconds"],
        "results": results,
    }


def _provenance(collected: dict) -> dict:
    git, environment = collected["git"], collected["environment"]
    machine = collected["hardware"]["report"]
    image = environment["image"] or {}
    facts = [
        ("xtts-voice-cloning", collected["version"]),
        ("Git revision", (git["revision"] or "not recorded") + (" with local changes" if git["dirty"] else "")),
        ("Snakemake", collected["snakemake"]["version"] or "not recorded"),
        ("Environment", {"venv": "virtual environment", "image": "image"}.get(environment["kind"], "not recorded")),
        ("Lock file's sha256", environment["lock_sha256"]),
        ("Image", f"{image['path']}, sha256 {image['sha256']}" if image else "none"),
        ("Python", environment["python"]),
        ("Seed", str(collected["seeds"]["config"])),
        ("Report made on", f"{machine['cpu']}, {machine['cpus']} CPUs, {size(machine['memory_bytes'])}"),
        ("GPU and driver there", machine["gpu"] or "none"),
    ]
    for step, record in collected["hardware"].items():
        if step != "report":
            facts.append((f"{step.replace('_', '-')} ran on", _device(record)))
    return {
        "version": collected["version"],
        "provenance_facts": facts,
        "packages": environment["packages"],
        "dag": dag.draw(collected["rule_graph"]) if collected["rule_graph"] else None,
        "provenance_files": [(name.capitalize(), list(collected[name].items())) for name in ("inputs", "outputs")],
        "config_text": yaml.safe_dump(collected["config"], sort_keys=False, allow_unicode=True, width=100),
    }


def _device(record: dict) -> str:
    details = [costs.device_name(record), record.get("precision")]
    details += [f"{name} {record[name]}" for name in ("driver", "cuda", "torch", "threads") if record.get(name)]
    return ", ".join(filter(None, details))


def _render(shown: dict) -> str:
    """Fill the page; clips are embedded as far as the page's size allows."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    fixed = {"css": Markup(style), "script": Markup(script), "script_hash": f"sha256-{digest}"}
    template = environment.get_template("page.html.j2")
    clip = (shown["reference"] or {}).get("clip")
    clips = listen.embed(shown["utterances"], clip, shown["results"], budget=0)
    bare = len(template.render(**shown, **fixed, clips="").encode())
    clips = listen.embed(shown["utterances"], clip, shown["results"], budget=PAGE_BYTES - bare)
    return template.render(**shown, **fixed, clips=jinja2.utils.htmlsafe_json_dumps(clips))


def _ended(results: Path) -> datetime:
    """When the run's last result was made, so that the same results give the same crate."""
    times = [
        path.stat().st_mtime for path in (results / "summary.json", results / "logs" / "driver.json") if path.is_file()
    ]
    return datetime.fromtimestamp(int(max(times, default=0)), UTC)


def _write(path: Path, text: str) -> None:
    with products.file(path) as partial:
        partial.write_text(text, encoding="utf-8")
