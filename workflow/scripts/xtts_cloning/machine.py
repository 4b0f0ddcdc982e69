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
    """The first GPU that CUDA would use; memory in bytes, None where nvidia-smi does not say."""

    name: str
    memory: int | None
    free: int | None
    driver: str
    capability: float | None


def gpu() -> Gpu | None:
    """The first GPU, or part of one (MIG), that CUDA would use by CUDA_VISIBLE_DEVICES; None where there is none.

    CUDA_VISIBLE_DEVICES holds numbers, UUIDs of GPUs or their beginnings, or those of MIG parts (CUDA C++ Programming
    Guide, "CUDA Environment Variables"; NVIDIA MIG User Guide); what names no GPU hides them all.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    wanted = "0" if visible is None else visible.split(",")[0].strip()
    for number, found in enumerate(_gpu_table()):
        parts = _mig_parts(found["uuid"])
        part = next((part for part in parts if wanted.startswith("MIG-") and wanted in part), None)
        named = wanted.startswith(("GPU-", "MIG-")) and not found["uuid"].startswith("GPU-")  # by an untold UUID
        if part or named or wanted == str(number) or (wanted.startswith("GPU-") and found["uuid"].startswith(wanted)):
            return _described(found, part or next(iter(parts), None))
    return None


def _gpu_table() -> list[dict[str, str]]:
    """What nvidia-smi says of every GPU, by its own field names; "" for what it does not know."""
    fields = ["name", "memory.total", "memory.free", "driver_version", "compute_cap", "uuid"]
    listed = _nvidia_smi(",".join(fields))
    if not listed:  # drivers before 510 do not know this one
        fields.remove("compute_cap")
        listed = _nvidia_smi(",".join(fields))
    return [{"compute_cap": "", "uuid": "", **dict(zip(fields, line.split(", "), strict=False))} for line in listed]


def _mig_parts(uuid: str) -> list[str]:
    """What `nvidia-smi -L` says of the MIG parts of a GPU, a line each: "MIG 1g.10gb Device 0: (UUID: MIG-...)"."""
    _, _, after = _run_nvidia_smi("-L").partition(uuid or "no UUID")
    return [line.strip() for line in after.partition("\nGPU ")[0].splitlines() if line.strip().startswith("MIG ")]


def _described(found: dict[str, str], part: str | None) -> Gpu:
    name, memory = found["name"], (_mebibytes(found["memory.total"]), _mebibytes(found["memory.free"]))
    if part:
        profile = part.split()[1]
        size = re.search(r"(\d+)gb", profile)
        name, memory = f"{name} (MIG {profile})", (int(size[1]) << 30 if size else None,) * 2
    known = re.fullmatch(r"\d+\.\d+", found["compute_cap"])
    return Gpu(name, *memory, found["driver_version"], float(known[0]) if known else None)


def _mebibytes(said: str) -> int | None:
    """Bytes; None for [N/A], [Not Supported], [Insufficient Permissions] and the like."""
    return int(said) << 20 if said.isdecimal() else None


def driver() -> str | None:
    """The version of the NVIDIA driver, the same for all GPUs of a machine; None where there is none."""
    return next(iter(_nvidia_smi("driver_version")), None)


def gpus() -> str | None:
    """Name, memory in MiB and driver of every GPU, as nvidia-smi lists them; None where there is none."""
    return "\n".join(_nvidia_smi("name,memory.total,driver_version")) or None


def _nvidia_smi(fields: str) -> list[str]:
    """A line for each GPU; none where nvidia-smi is missing or fails."""
    return _run_nvidia_smi(f"--query-gpu={fields}", "--format=csv,noheader,nounits").strip().splitlines()


def _run_nvidia_smi(*arguments: str) -> str:
    """What it prints; nothing where it is missing or fails."""
    try:
        done = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout


def check_driver(found: Gpu) -> None:
    """UserError unless the pinned torch runs with this driver."""
    if re.fullmatch(r"[\d.]+", found.driver) and _numbers(found.driver) < _numbers(MIN_DRIVER):
        raise UserError(
            f"the NVIDIA driver is {found.driver}, torch 2.1.0 (CUDA 12.1) needs {MIN_DRIVER} or newer\n"
            "Update the driver, or set compute.device: cpu."
        )


def check_capability(name: str, capability: float) -> None:
    """UserError unless the pinned torch holds code for a GPU of this compute capability."""
    oldest, newest = COMPUTE_CAPABILITIES
    if not oldest <= capability < newest + 1:
        raise UserError(
            f"the {name} has compute capability {capability}, torch 2.1.0 knows {oldest} to {newest}\n"
            "Take another GPU (CUDA_VISIBLE_DEVICES chooses), or set compute.device: cpu."
        )


def unlike_lock() -> list[str]:
    """Packages of envs/xtts.lock that this interpreter has not, or in another version, as lines."""
    wrong = []
    lock = Path(ROOT, "envs/xtts.lock").read_text(encoding="utf-8")
    for name, wanted in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.M):
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
