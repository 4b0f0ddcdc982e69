"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): momentum whose matrices are made orthogonal.

torch has it from release 2.9 on. On this small GPT it needs far fewer steps than AdamW, which keeps the rest: AdamW
for embeddings, norms, biases and heads, Muon for the matrices inside the layers.
"""

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic Newton-Schulz iteration, as published
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters: list[Tensor], lr: float, momentum: float = 0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(state["momentum"], group["momentum"]).flatten(1)  # of a convolution, too
                parts = [_scaled(_orthogonal(part)) for part in _squares(update)]
                weight.add_(torch.cat(parts, 1).view(weight.shape), alpha=-group["lr"])


def _scaled(matrix: Tensor) -> Tensor:
    """So that the entries of what it gives are of one size for narrow and for wide matrices."""
    return matrix * max(1.0, matrix.shape[1] / matrix.shape[0]) ** 0.5


def _squares(matrix: Tensor) -> tuple[Tensor, ...]:
    """Query, key and value of GPT-2's joint matrix [width, 3 width] are three matrices."""
    return matrix.chunk(3, 1) if matrix.shape[1] == 3 * matrix.shape[0] else (matrix,)


def _orthogonal(matrix: Tensor) -> Tensor:
    """Roughly the nearest semi-orthogonal matrix."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).float()
