"""Which device a heavy step runs on, and how many CPU threads it may use."""

import torch

from xtts_cloning.errors import UserError


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
    return torch.device("cuda" if found and compute["device"] != "cpu" else "cpu")
