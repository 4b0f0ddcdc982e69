"""Copies of the checkout for the tests that run the workflow, and the commands they run in them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = [str(ROOT / ".venv/workflow/bin/snakemake"), "--workflow-profile", "workflow/profiles/local"]
CLOCK = {"timing.csv", "timing.json", "engine.json"}  # what the clock and the machine determine


def copy_checkout(folder: Path) -> Path:
    """The tracked and the new files of this checkout, as a clean checkout of its own."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run("git init -q && git add -A", cwd=folder, shell=True, check=True)
    return folder


def share_environments(folder: Path) -> None:
    (folder / ".venv").symlink_to(ROOT / ".venv")


def environment(**more: str) -> dict[str, str]:
    """This process's environment with the rules' `python` first on PATH, as the Makefile has it."""
    return {**os.environ, "PATH": f"{ROOT / '.venv/xtts/bin'}:{os.environ['PATH']}", **more}


def snakemake(checkout: Path, *arguments: str, config: str = "config/demo.yaml", check: bool = True, **more: str):
    command = [*SNAKEMAKE, *arguments, "--configfile", config]
    done = subprocess.run(command, cwd=checkout, env=environment(**more), capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def planned(checkout: Path, *arguments: str, config: str = "config/demo.yaml", **more: str) -> set[str]:
    """The jobs that a dry run would run: rule names, with the system where the rule has one."""
    shown = snakemake(checkout, "--dry-run", *arguments, config=config, **more).stdout
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule )", shown):
        found = re.match(r"(?:local)?rule (\w+):", block)
        if found and found[1] != "all":
            system = re.search(r"wildcards: system=(\w+)", block)
            jobs.add(f"{found[1]}:{system[1]}" if system else found[1])
    return jobs


def edit_config(checkout: Path, changes: dict[str, object], name: str = "config/changed.yaml") -> str:
    """The demo's config with the dotted keys changed, as a new file; returns its path."""
    config = yaml.safe_load((checkout / "config/demo.yaml").read_text())
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        part = config
        for key in parents:
            part = part[key]
        assert last in part, f"the demo's config has no key {dotted}"
        part[last] = value
    (checkout / name).write_text(yaml.safe_dump(config, sort_keys=False))
    return name


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder that the config determines, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in CLOCK and not path.name.startswith(".")
    }
