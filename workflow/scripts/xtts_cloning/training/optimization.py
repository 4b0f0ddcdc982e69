"""AdamW on the GPT's parameters as the library's trainer sets it up, and the learning rate of each step."""

import math

import torch
from torch import nn

BETAS = (0.9, 0.96)  # of TTS's XTTS-v2 recipe


def adamw(gpt: nn.Module, settings: dict, device: torch.device) -> torch.optim.AdamW:
    """`settings` is the config's finetune part. On a GPU all parameters are updated by one fused kernel."""
    decayed, others = weights_and_others(gpt)
    groups = [
        {"params": list(decayed.values()), "weight_decay": settings["weight_decay"]},
        {"params": list(others.values()), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings["lr"], betas=BETAS, eps=1e-8, fused=device.type == "cuda")


def weights_and_others(gpt: nn.Module) -> tuple[dict[str, nn.Parameter], dict[str, nn.Parameter]]:
    """Parameters by name: weight matrices, which decay, and biases, norms and embeddings, which do not.

    The division of GPTTrainer.get_optimizer with optimizer_wd_only_on_weights.
    """
    kept = {
        f"{module_name}.{name}"
        for module_name, module in gpt.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name == "bias" or isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.Embedding))
    }
    decayed = {name: parameter for name, parameter in gpt.named_parameters() if name not in kept}
    others = {name: parameter for name, parameter in gpt.named_parameters() if name in kept}
    return decayed, others


def learning_rate(step: int, settings: dict) -> float:
    """Rate of step 1, 2, ... max_steps: a linear rise to lr, then a cosine down to lr * lr_final_fraction."""
    peak, warmup, final = settings["lr"], settings["warmup_steps"], settings["lr_final_fraction"]
    if step <= warmup:
        return peak * step / warmup
    progress = (step - warmup) / max(1, settings["max_steps"] - warmup)
    return peak * (final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2)
