"""What ran, on what, from which inputs: everything that a person or a machine needs to trust or repeat a run."""

import hashlib
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

from xtts_cloning import config, files
from xtts_cloning.machine import gpus
from xtts_cloning.model import builtin_speakers, checkpoints
from xtts_cloning.report import run_files
from xtts_cloning.report.run_files import SPOKEN
from xtts_cloning.version import VERSION

LOCK = config.ROOT / "envs" / "xtts.lock"
TABLES = (
    "mdata.csv",
    "mdata_train.csv",
    "mdata_eval.csv",
    "mdata_test.csv",
    "clips.csv",
    "rejected.csv",
    "reference.json",
)
MODEL_FILES = ("model.pth", "config.json", "vocab.json", "dvae.pth", "mel_stats.pth")


def collect(settings: dict, data: Path, results: Path, model: Path) -> dict:
    """The content of provenance.json. Every file carries its size and sha256, every folder a digest of its files."""
    driver = run_files.read_json(results / "logs" / "driver.json") or {}
    archive = Path(config.archive_path(settings))
    other = config.builtin_speaker(settings)
    systems = (*SPOKEN, "other_speaker") if other else SPOKEN
    inputs = [archive, *(model / name for name in MODEL_FILES), Path(settings["synthesis"]["lines"])]
    inputs += [model / builtin_speakers.FILE] if other else []
    outputs = [*(data / name for name in TABLES), data / "reference.wav", data / "wavs"]
    outputs += [results / "finetune" / name for name in ("model.pth", "config.json", "vocab.json", "history.csv")]
    outputs += [results / "speech" / system for system in systems]
    outputs += [results / name for name in ("metrics.csv", "summary.json", "figures")]
    known = _already_checked(settings, archive, model)
    with ThreadPoolExecutor() as pool:
        described = dict(pool.map(lambda path: (str(path), _describe(path, known)), inputs + outputs))
    return {
        "run": settings["run"],
        "version": VERSION,
        "git": {"revision": driver.get("git_revision"), "dirty": driver.get("git_dirty")},
        "snakemake": {"version": driver.get("snakemake"), "command": driver.get("command")},
        "rule_graph": driver.get("rule_graph", []),
        "environment": {
            "kind": driver.get("environment"),
            "lock_sha256": files.sha256(LOCK),
            "image": driver.get("image"),
            "python": platform.python_version(),
            "packages": packages(),
        },
        "hardware": {"report": machine(), **_devices(results, systems)},
        "seeds": {"config": settings["seed"], "utterances": "column `seed` of speech/<system>/manifest.csv"},
        "config": settings,
        "inputs": {str(path): described[str(path)] for path in inputs},
        "outputs": {str(path): described[str(path)] for path in outputs},
    }


def packages() -> dict[str, str]:
    """{name: version} of everything installed in this environment, sorted by name."""
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions()}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def machine() -> dict:
    """The machine of this very step; the steps on a GPU record their own."""
    return {
        "system": platform.platform(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": gpus(),
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _devices(results: Path, systems: tuple) -> dict:
    """What fine-tuning and speech recorded about the device they ran on."""
    found = {"finetune": run_files.read_json(results / "finetune" / "timing.json")}
    found |= {system: run_files.read_json(results / "speech" / system / "engine.json") for system in systems}
    return {step: record for step, record in found.items() if record}


def _already_checked(settings: dict, archive: Path, model: Path) -> dict[Path, str]:
    """sha256 that the download has verified: gigabytes are not read again for a changed title."""
    known = {}
    if settings["dataset"]["sha256"]:
        known[archive] = settings["dataset"]["sha256"]
    if (settings["model"]["source"], settings["model"]["revision"]) == checkpoints.PINNED:
        known |= {model / name: digest for name, (_, digest) in checkpoints.PINS.items()}
    return known


def _describe(path: Path, known: dict[Path, str]) -> dict:
    """Size and sha256 of a file; of a folder the sha256 of its files' sorted `sha256  name` lines."""
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": known.get(path) or files.sha256(path)}
    if path.is_dir():
        members = sorted(member for member in path.rglob("*") if member.is_file() and not member.name.startswith("."))
        lines = "".join(f"{files.sha256(member)}  {member.relative_to(path)}\n" for member in members)
        size = sum(member.stat().st_size for member in members)
        return {"files": len(members), "bytes": size, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    return {"missing": True}
