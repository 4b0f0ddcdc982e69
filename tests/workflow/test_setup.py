"""Setting up: what it says without Python 3.11, and when it does nothing."""

import os
import subprocess
import sys

import pytest
from checkout import ROOT, copy_checkout, share_environments


@pytest.fixture
def copy(tmp_path):
    return copy_checkout(tmp_path)


def set_up(folder, python, **more):
    environment = {**os.environ, "PYTHON": str(python), **more}
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


def stand_in(folder, name, script):
    """A command of this name, first on the PATH that is returned."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(("system", "machine", "remedy"), [("Linux", "aarch64", "ARM"), ("Darwin", "arm64", "a Mac")])
def test_another_kind_of_machine(copy, tmp_path, system, machine, remedy):
    path = stand_in(tmp_path / "bin", "uname", f"[ $1 = -m ] && echo {machine} || echo {system}")
    done = set_up(copy, sys.executable, PATH=path)
    assert done.returncode == 1 and not (copy / ".venv").exists()
    assert f"this machine is {system} {machine}" in done.stderr and "x86_64" in done.stderr and remedy in done.stderr


def test_says_what_to_do_on_each_ubuntu(copy):
    told = set_up(copy, "/no/such/python").stderr
    assert "Ubuntu 22.04/24.04: sudo add-apt-repository ppa:deadsnakes/ppa" in told


def test_goes_on_where_the_file_system_has_no_locks(copy, tmp_path):
    path = stand_in(tmp_path / "bin", "flock", "echo 'flock: 9: Function not implemented' >&2; exit 65")
    stand_in(tmp_path / "bin", "python", "[ $1 = -c ] || exit 7  # good enough, until it is to make an environment")
    done = set_up(copy, tmp_path / "bin/python", PATH=path)
    assert done.returncode == 7, done.stderr
    assert "has no locks: start no second set-up here meanwhile" in done.stderr


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
