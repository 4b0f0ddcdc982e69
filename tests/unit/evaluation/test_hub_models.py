"""The hub models of the evaluation: pinned, and downloaded from a local server that serves as the hub does."""

import os
import random
import re
import subprocess
import sys

import pytest
from local_server import serving
from xtts_cloning.config import ROOT
from xtts_cloning.evaluation.hub_models import HUB_MODELS

SCRIPT = ROOT / "workflow" / "scripts" / "download_measure_model.py"


def test_every_model_is_pinned_to_a_commit():
    for model in HUB_MODELS.values():
        assert re.fullmatch(r"[0-9a-f]{40}", model.revision)
        assert any(name.endswith((".safetensors", ".bin")) for name in model.files)
        assert {"config.json", "preprocessor_config.json"} <= set(model.files)


@pytest.mark.parametrize("name", HUB_MODELS)
def test_exactly_its_files_come_from_the_pinned_commit(name, tmp_path):
    model, draw = HUB_MODELS[name], random.Random(1)
    contents = {file: draw.randbytes(3000) for file in model.files}
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG"))}
    output = tmp_path / "measures" / name
    with serving() as server:
        for file, content in contents.items():
            weights = file.endswith((".safetensors", ".bin"))
            server.add_hub_file(model.repository, model.revision, file, content, large=weights)
        command = [sys.executable, str(SCRIPT), "--model", name, "--output", str(output)]
        environment = {**clean, "HOME": str(tmp_path), "HF_ENDPOINT": server.url}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in output.glob("[!.]*")} == contents
