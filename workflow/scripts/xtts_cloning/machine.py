"""What this machine has: the locked packages, room on its disks, an NVIDIA GPU. Read in milliseconds, without torch."""

import os
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from xtts_cloning.config import ROOT
from xtts_cloning.errors import UserError

MIN_DRIVER = "525.60.13"  # of CUDA 12.1, which the PyPI build of torch 2.1.0 carries (CUDA release notes, table 3)
COMPUTE_CAPABILITIES = (5.0, 9.0)  # that build's oldest and newest (torch.cuda.get_arch_list(): sm_50 to sm_90)


class Gpu(NamedTuple):
    """The first GPU that CUDA would use; memory in bytes."""

    name: str
    memory: int
    free: int
    driver: str
    capability: float


def gpu() -> Gpu | None:
    """The GPU that nvidia-smi lists first (of CUDA_VISIBLE_DEVICES, where that is set), or None."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible in ("", "-1"):
        return None
    chosen = ["--id", visible] if visible else []
    listed = _nvidia_smi("name,memory.total,memory.free,driver_version,compute_cap", *chosen)
    if not listed:
        return None
    name, total, free, driver, capability = listed[0].split(", ")
    return Gpu(name, int(total) << 20, int(free) << 20, driver, float(capability))


def driver() -> str | None:
    """The version of the NVIDIA driver, the same for all GPUs of a machine; None where there is none."""
    return next(iter(_nvidia_smi("driver_version")), None)


def gpus() -> str | None:
    """Name, memory in MiB and driver of every GPU, as nvidia-smi lists them; None where there is none."""
    return "\n".join(_nvidia_smi("name,memory.total,driver_version")) or None


def _nvidia_smi(fields: str, *arguments: str) -> list[str]:
    """A line for each GPU; none where nvidia-smi is missing or fails."""
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else done.stdout.strip().splitlines()


def check_driver(found: Gpu) -> None:
    """UserError unless the pinned torch runs on this GPU with this driver."""
    if _numbers(found.driver) < _numbers(MIN_DRIVER):
        raise UserError(
            f"the NVIDIA driver is {found.driver}, torch 2.1.0 (CUDA 12.1) needs {MIN_DRIVER} or newer\n"
            "Update the driver, or set compute.device: cpu."
        )
    oldest, newest = COMPUTE_CAPABILITIES
    if not oldest <= found.capability < newest + 1:
        raise UserError(
            f"the {found.name} has compute capability {found.capability}, torch 2.1.0 knows {oldest} to {newest}\n"
            "Take another GPU, or set compute.device: cpu."
        )


def unlike_lock() -> list[str]:
    """Packages of envs/xtts.lock that this interpreter has not, or in another version, as lines."""
    wrong = []
    for name, wanted in re.findall(r"^([\w.-]+)==([^\s;]+)", Path(ROOT, "envs/xtts.lock").read_text(), re.M):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "not installed"
        if found.split("+")[0] != wanted.split("+")[0]:
            wrong.append(f"{name} {wanted}: {found}")
    return wrong


def free_space(path: Path) -> tuple[int, int]:
    """Device number and free bytes of the file system where `path` is or will be."""
    while not path.exists():
        path = path.absolute().parent
    return path.stat().st_dev, shutil.disk_usage(path).free


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
