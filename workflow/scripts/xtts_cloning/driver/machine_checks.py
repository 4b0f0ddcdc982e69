"""Checks of this machine: the locked packages, room on its disks, the GPU."""

import math

from xtts_cloning import machine
from xtts_cloning.driver import needs
from xtts_cloning.driver.findings import Note
from xtts_cloning.errors import UserError


def packages(settings: dict) -> str:
    if wrong := machine.unlike_lock():
        raise UserError(f"not as envs/xtts.lock has it: {'; '.join(wrong[:5])}\nRun `make setup`.")
    return "as locked"


def disk_space(settings: dict) -> str:
    """Room for what is still to be written, file system by file system."""
    by_device: dict[int, list[needs.Need]] = {}
    for need in needs.still_to_write(settings):
        by_device.setdefault(machine.free_space(need.path)[0], []).append(need)
    lines = []
    for wanted in by_device.values():
        total, free = sum(need.size for need in wanted), machine.free_space(wanted[0].path)[1]
        listed = ", ".join(f"{need.what} {need.size / 1e9:.1f}" for need in wanted)
        if total > free:
            raise UserError(
                f"{wanted[0].path}: {free / 1e9:.1f} GB free, but {total / 1e9:.1f} GB are to be written: {listed}\n"
                "Make room, or make data/ or results/ a link to a folder on a larger disk."
            )
        lines.append(f"{total / 1e9:.1f} GB to write ({listed}), {free / 1e9:.1f} GB free")
    return "; ".join(lines) or "nothing to write"


def gpu(settings: dict) -> str:
    device, precision = settings["compute"]["device"], settings["finetune"]["precision"]
    found = None if device == "cpu" else machine.gpu()
    if found is None:
        return _without_gpu(settings, device, precision)
    machine.check_driver(found)
    if found.capability is not None:
        machine.check_capability(found.name, found.capability)
    about = f"{found.name}, driver {found.driver}"
    memory = needs.gpu_memory(settings)
    if found.memory is None or found.free is None:
        needed = f"; fine-tuning needs about {math.ceil(memory[1] / 1e9)} GB" if memory else ""
        return Note(f"{about}; nvidia-smi does not say how much memory it has{needed}")
    about += f", {found.free / 1e9:.0f} of {found.memory / 1e9:.0f} GB free"
    if memory is None:
        return about
    state, all_in_all = memory
    if found.free < state:
        raise UserError(
            f"{about}, but weights, gradients and optimizer alone need {state / 1e9:.1f} GB\n"
            "Stop what else runs on it (nvidia-smi lists it), take a larger one, or set compute.device: cpu."
        )
    if found.free < all_in_all:
        return Note(
            f"{about}; fine-tuning with these settings may need {all_in_all / 1e9:.0f} GB. If it runs out, "
            + _less_memory(settings["finetune"])
        )
    return f"{about}; fine-tuning needs about {math.ceil(all_in_all / 1e9)} GB"


def _less_memory(finetune: dict) -> str:
    """What there is still to change, and nothing that is so already."""
    advice = []
    if not finetune["gradient_checkpointing"]:
        advice.append("set finetune.gradient_checkpointing: true")
    if finetune["precision"] == "fp32":
        advice.append("set finetune.precision: auto")
    if finetune["batch_size"] > 1:
        advice.append("lower finetune.batch_size and raise grad_accum by as much")
    return "; or ".join(advice) or "stop what else runs on it (nvidia-smi lists it), or take a larger one"


def _without_gpu(settings: dict, device: str, precision: str) -> str:
    problems = []
    if device == "cuda":
        problems.append("compute.device is cuda, but nvidia-smi finds no GPU here\nSet compute.device: auto or cpu.")
    elif precision == "fp16":
        why = "compute.device is cpu" if device == "cpu" else "there is no GPU here"
        problems.append(f"finetune.precision is fp16, which needs a GPU, and {why}\nSet finetune.precision: auto.")
    if problems:
        raise UserError("\n".join(problems))
    said, time = f"on {settings['compute']['threads']} CPU threads", needs.cpu_time(settings)
    said += f"; fine-tuning takes about {time}" if time else ""
    return said if device == "cpu" else Note(f"none here (compute.device is auto): everything runs {said}")
