"""From logits to the next audio code: the library's logits processors, in its order, on fixed shapes.

XTTS 0.21.3 generates with transformers' `generate` (4.36.2): the repetition penalty, then temperature, top-k and top-p,
then one draw. Here they work on all rows at once, without a step that waits for the device.
"""

import torch

# What shapes a draw; length_penalty is not here because without beams it changes nothing in the library either.
VALUES = "temperature", "top_k", "top_p", "repetition_penalty"


def penalize(logits: torch.Tensor, seen: torch.Tensor, penalty: float) -> torch.Tensor:
    """RepetitionPenaltyLogitsProcessor. logits: [rows, codes] float32; seen: the same shape, True where a code occurs
    in the row's input ids (which the library fills with 1 before the start code, so 1 and start count as seen)."""
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def warp(logits: torch.Tensor, temperature: float, top_k: int, top_p: float) -> torch.Tensor:
    """TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper: codes that may not be drawn become -inf."""
    logits = logits / temperature
    if top_k:
        kept = torch.topk(logits, min(top_k, logits.shape[-1])).values
        logits = logits.masked_fill(logits < kept[..., -1:], -torch.inf)
    if top_p < 1.0:
        ascending, order = torch.sort(logits)
        dropped = ascending.softmax(-1).cumsum(-1) <= 1 - top_p
        dropped[..., -1] = False  # the likeliest code always stays
        logits = logits.masked_fill(dropped.scatter(-1, order, dropped), -torch.inf)
    return logits


def noise(seed: int, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """The exponential noise of one utterance, [steps, codes]: made at once from its own seed, so that its codes depend
    neither on its neighbours nor on the place in the batch."""
    generator = torch.Generator(device).manual_seed(seed)
    return (
        torch.empty(shape, device=device).exponential_(generator=generator).clamp_(min=torch.finfo(torch.float32).tiny)
    )


def draw(logits: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Draw one code per row: argmax(p / exponential noise) has the distribution p; torch.multinomial does the same."""
    return (logits.softmax(-1) / noise).argmax(-1)


def choose(logits: torch.Tensor, seen: torch.Tensor, noise: torch.Tensor, values: dict, do_sample: bool):
    """The next code of each row, [rows] long; values: settings["synthesis"], of which VALUES count."""
    logits = penalize(logits.float(), seen, values["repetition_penalty"])
    if not do_sample:
        return logits.argmax(-1)
    return draw(warp(logits, values["temperature"], values["top_k"], values["top_p"]), noise)
