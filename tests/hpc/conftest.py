"""The real things: Apptainer, the image, a Slurm cluster. Root on Debian 12; `make test-hpc`, docs/cluster.md."""

import os
import shutil
import subprocess
from pathlib import Path

import cluster
import pytest
from checkout import ROOT
from xtts_cloning.driver import images

HERE = Path(__file__).parent
UNSTABLE_MISSING = 69  # apptainer.sh


def pytest_collection_modifyitems(config, items):
    """Only where they are asked for: these tests install packages and take half an hour."""
    if any(Path(argument.split("::")[0]).absolute().is_relative_to(HERE) for argument in config.args):
        return
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason="installs Apptainer and Slurm on this machine: make test-hpc"))


@pytest.fixture(scope="session")
def apptainer():
    """A real Apptainer."""
    done = subprocess.run([HERE / "apptainer.sh"], capture_output=True, text=True)
    if done.returncode == UNSTABLE_MISSING:
        pytest.skip("Debian unstable's apptainer packages cannot be had")
    assert done.returncode == 0, done.stdout + done.stderr
    if subprocess.run(["capsh", "--has-p=cap_sys_resource"], capture_output=True).returncode:
        os.environ["APPTAINER_DROP_CAPS"] = "CAP_SYS_RESOURCE"


@pytest.fixture(scope="session")
def image(apptainer) -> Path:
    """The image, built as `make container` builds it, on Debian from the mirror that apt uses."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    mirrors = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    mirror = next(site for site in mirrors if "security" not in site)
    scratch = {"APPTAINER_TMPDIR": "/dev/shm"} if shutil.disk_usage("/dev/shm").free > 16e9 < free_memory() else {}
    command = ["containers/build.sh", "--build-arg", "Bootstrap=debootstrap", "--build-arg", f"MirrorURL={mirror}"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **scratch}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout[-20000:]
    print(done.stdout.splitlines()[-1])  # how long and how big
    return ROOT / images.own()


def free_memory() -> int:
    """Bytes."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024


@pytest.fixture
def fresh(tmp_path, image) -> Path:
    """A clean checkout with the image in its place and the environments shared."""
    return cluster.checkout_with(image, tmp_path / "checkout")


@pytest.fixture(scope="session")
def fresh_for_demo(tmp_path_factory, image) -> Path:
    return cluster.checkout_with(image, tmp_path_factory.mktemp("image") / "checkout")
