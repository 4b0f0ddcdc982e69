"""The Apptainer image that the rules run in: its name, whether it is there and the right one, and what it must see.

Paths are relative to the checkout, which is the working directory of every step.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from xtts_cloning.config import ROOT
from xtts_cloning.errors import UserError


def lock() -> str:
    """The environment's identity, the same whether it is a virtual environment or an image."""
    return hashlib.sha256((ROOT / "envs/xtts.lock").read_bytes()).hexdigest()[:12]


def own() -> str:
    """The image that `make container` builds."""
    return f"containers/xtts-{lock()}.sif"


def of(config: dict) -> str:
    """The image that the config's rules run in: a path, or an address such as docker://..."""
    return config["compute"]["container"] or own()


def describe(image: str) -> dict:
    """{"path", "sha256"} of the image; sha256 is None for an address, which is pulled later.

    Raises a UserError where a local image is missing, or was built from another envs/xtts.lock.
    """
    if "://" in image:
        return {"path": image, "sha256": None}
    if not Path(image).is_file():
        raise UserError(f"the image {image} does not exist: build it with `make container`, or run with ENV=venv")
    built_from = _labels(image).get("xtts.lock", lock())
    if built_from != lock():
        raise UserError(
            f"the image {image} is stale: it was built from another envs/xtts.lock ({built_from}, now {lock()})\n"
            "Build it again with `make container`, and see compute.container in the config."
        )
    with open(image, "rb") as content:
        return {"path": image, "sha256": hashlib.file_digest(content, "sha256").hexdigest()}


def binds(config: dict) -> str:
    """APPTAINER_BIND: what it was, and what the config names outside the checkout or behind a link there."""
    named = [config["dataset"]["archive"], config["model"]["source"], config["evaluation"]["other_speaker"]]
    named += [config["reference"]["clip"], config["synthesis"]["lines"], os.environ.get("HF_HOME")]
    linked = ["data", "results", *Path().glob("data/*"), *Path().glob("data/models/*"), *Path().glob("results/*")]
    checkout = Path.cwd()
    outside = set()
    for path in map(Path, filter(None, [*named, *linked])):
        places = {path.absolute(), path.resolve()} if path.exists() else set()
        outside |= {str(place) for place in places if not place.is_relative_to(checkout)}
    return ",".join(filter(None, [os.environ.get("APPTAINER_BIND"), *sorted(outside)]))


def _labels(image: str) -> dict[str, str]:
    done = subprocess.run(["apptainer", "inspect", "--labels", "--json", image], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"the image {image} cannot be read: {done.stderr.strip()}")
    return json.loads(done.stdout)["data"]["attributes"]["labels"]
