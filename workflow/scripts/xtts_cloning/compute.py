"""Which device a heavy step runs on, how many CPU threads it may use, and what it does with freed memory."""

import ctypes

import torch

from xtts_cloning import machine
from xtts_cloning.errors import UserError

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def prepare(compute: dict) -> torch.device:
    """Set the CPU threads and give the device of settings["compute"]; auto is the GPU where there is one.

    The threads are set even on a GPU, because bytes made on the CPU depend on their number.
    """
    torch.set_num_threads(compute["threads"])
    found = torch.cuda.is_available()
    if compute["device"] == "cuda" and not found:
        raise UserError(
            f"compute.device is cuda, but torch {torch.__version__} finds no usable NVIDIA GPU here; "
            "see whether nvidia-smi lists one, or set compute.device to auto or cpu"
        )
    if not found or compute["device"] == "cpu":
        return torch.device("cpu")
    major, minor = torch.cuda.get_device_capability()
    machine.check_capability(torch.cuda.get_device_name(), float(f"{major}.{minor}"))
    return torch.device("cuda")


def keep_freed_memory() -> None:
    """Let the process keep what it frees, up to its peak; for training on a CPU.

    A step takes and frees gigabytes. Given back to the system, as glibc does with large blocks, they come again as new
    pages that the kernel has to clear, which is a tenth of the step's time. Does nothing where mallopt(3) is missing.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)
