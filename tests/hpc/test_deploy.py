"""The deploy helper against a real sshd on this machine. Budget: half a minute."""

import os
import subprocess
from pathlib import Path

import pytest
from checkout import copy_checkout
from cluster import wait_for

PORT = "2822"


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """RSYNC_RSH that reaches a real sshd as this user, with a key of its own."""
    packages = "openssh-server openssh-client rsync"
    install = f"dpkg -s {packages} || (apt-get update -qq && apt-get install -y -qq --no-install-recommends {packages})"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(install, shell=True, env=environment, check=True, stdout=subprocess.DEVNULL)
    folder = tmp_path_factory.mktemp("sshd")
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    options = [f"HostKey={folder}/host", f"AuthorizedKeysFile={folder}/user.pub", "StrictModes=no", "UsePAM=no"]
    options += ["PermitRootLogin=prohibit-password", "ListenAddress=127.0.0.1"]
    command = ["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", PORT, *(f"-o{option}" for option in options)]
    server = subprocess.Popen(command)
    known = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={folder}/known -o LogLevel=ERROR"
    shell = f"ssh -p {PORT} -i {folder}/user {known} -o BatchMode=yes"
    wait_for("sshd", lambda: subprocess.run([*shell.split(), "127.0.0.1", "true"]).returncode == 0, 20)
    yield shell
    server.terminate()
    server.wait()


def deploy(checkout: Path, shell: str, folder: Path, *parts: str):
    command = ["make", "deploy", "HOST=127.0.0.1", f"DIR={folder}", f"WITH={' '.join(parts)}"]
    return subprocess.run(command, cwd=checkout, env={**os.environ, "RSYNC_RSH": shell}, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A committed checkout with data, a model and an untracked file."""
    folder = copy_checkout(tmp_path / "checkout")
    for name in ("data/models/demo/model.pth", "data/demo/mdata.csv", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("content\n")
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def tracked(checkout: Path) -> set[str]:
    return set(subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True).stdout.split("\n")) - {
        ""
    }


def test_exactly_the_tracked_files(remote, checkout, tmp_path):
    target = tmp_path / "with a space" / "run"
    done = deploy(checkout, remote, target)
    assert done.returncode == 0, done.stderr
    assert files(target) == tracked(checkout) | {".deployed", ".revision"}
    assert os.access(target / "envs/setup.sh", os.X_OK)

    (target / "results/mine").mkdir()
    (target / "results/mine/report.html").write_text("theirs")
    subprocess.run(["git", "rm", "-q", "--force", "LICENSE"], cwd=checkout, check=True)
    assert deploy(checkout, remote, target).returncode == 0
    assert files(target) == tracked(checkout) | {".deployed", ".revision", "results/mine/report.html"}


def test_models_and_data_on_request(remote, checkout, tmp_path):
    assert deploy(checkout, remote, tmp_path / "one", "models").returncode == 0
    assert files(tmp_path / "one") == tracked(checkout) | {".deployed", ".revision", "data/models/demo/model.pth"}
    assert deploy(checkout, remote, tmp_path / "two", "data").returncode == 0
    assert files(tmp_path / "two") == tracked(checkout) | {".deployed", ".revision", "data/demo/mdata.csv"}


def test_says_what_is_wrong(remote, checkout, tmp_path):
    assert "is not there; build it with: make container" in deploy(checkout, remote, tmp_path / "x", "image").stderr
    assert "WITH knows image, models and data" in deploy(checkout, remote, tmp_path / "x", "everything").stderr
    assert "no command runs on 127.0.0.1" in deploy(checkout, "ssh -p 9 -o BatchMode=yes", tmp_path / "x").stderr
    assert "HOST=user@host" in subprocess.run(["make", "deploy"], cwd=checkout, capture_output=True, text=True).stderr
