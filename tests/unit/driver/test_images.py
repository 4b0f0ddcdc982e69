"""Which image a config runs in, what is wrong with it, and what it must see from outside the checkout."""

import copy
import json
from hashlib import sha256

import pytest
from xtts_cloning import config
from xtts_cloning.driver import images
from xtts_cloning.errors import UserError


@pytest.fixture
def settings() -> dict:
    return copy.deepcopy(config.load(config.ROOT / "config/demo.yaml"))


@pytest.fixture
def inspected(tmp_path, monkeypatch):
    """A stand-in apptainer that tells an image's labels, as given to the function that this gives."""

    def labelled(**labels: str):
        shown = json.dumps({"data": {"attributes": {"labels": labels}}})
        (tmp_path / "apptainer").write_text(f"#!/bin/sh\necho '{shown}'\n")
        (tmp_path / "apptainer").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        (tmp_path / "image.sif").write_bytes(b"content")
        return str(tmp_path / "image.sif")

    return labelled


def test_image_of_the_lock_unless_named(settings):
    assert images.of(settings) == f"containers/xtts-{images.lock()}.sif"
    settings["compute"]["container"] = "docker://somebody/image"
    assert images.of(settings) == "docker://somebody/image"


def test_describes_an_image_by_its_content(inspected):
    path = inspected(**{"xtts.lock": images.lock()})
    assert images.describe(path) == {"path": path, "sha256": sha256(b"content").hexdigest()}
    assert images.describe("docker://somebody/image") == {"path": "docker://somebody/image", "sha256": None}


def test_missing_and_stale_images(inspected, tmp_path):
    with pytest.raises(UserError, match=r"none\.sif does not exist: build it with `make container`"):
        images.describe(str(tmp_path / "none.sif"))
    with pytest.raises(UserError, match="is stale: it was built from another"):
        images.describe(inspected(**{"xtts.lock": "0" * 12}))


def test_binds_what_lies_outside(settings, tmp_path, monkeypatch):
    checkout, scratch = tmp_path / "checkout", tmp_path / "scratch"
    for folder in (checkout / "data", checkout / "results", scratch / "models", scratch / "speech"):
        folder.mkdir(parents=True)
    (checkout / "data/models").symlink_to(scratch / "models")
    settings["dataset"]["archive"] = str(scratch / "speech")
    settings["reference"]["clip"] = str(scratch / "not there.wav")
    monkeypatch.chdir(checkout)
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.setenv("APPTAINER_BIND", "/mine")
    assert images.binds(settings) == f"/mine,{scratch}/models,{scratch}/speech"
