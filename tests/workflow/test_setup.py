"""Setting up: what it says without Python 3.11, and when it does nothing."""

import os
import subprocess

import pytest
from checkout import ROOT, copy_checkout, share_environments


@pytest.fixture
def copy(tmp_path):
    return copy_checkout(tmp_path)


def set_up(folder, python):
    environment = {**os.environ, "PYTHON": str(python)}
    return subprocess.run(
        ["envs/setup.sh", "workflow", "xtts"], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_without_python_3_11(copy, tmp_path):
    other = tmp_path / "python3.10"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    for python in (other, "/no/such/python"):
        done = set_up(copy, python)
        assert done.returncode == 1
        assert f"no Python 3.11 with its venv module was found (tried: {python})" in done.stderr
        assert "apt install python3.11 python3.11-venv" in done.stderr
        assert not (copy / ".venv").exists()


def test_does_nothing_where_the_lock_is_installed(copy):
    share_environments(copy)
    done = set_up(copy, "/no/such/python")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("lock", ["workflow.lock", "xtts.lock", "build.lock"])
def test_a_changed_lock_is_noticed(copy, lock):
    share_environments(copy)
    path = copy / "envs" / lock
    path.write_text(path.read_text() + "# changed\n")
    assert set_up(copy, "/no/such/python").returncode == 1


@pytest.mark.parametrize("name", ["uv", "build", "workflow", "xtts"])
def test_locks_hold_hashes_and_no_addresses(name):
    text = (ROOT / "envs" / f"{name}.lock").read_text()
    assert text.count("==") > 0
    assert "--hash=sha256:" in text
    assert "://" not in text
