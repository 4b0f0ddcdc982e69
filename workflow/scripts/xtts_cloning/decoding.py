"""The decoding engine: from text ids and conditioning latents to audio codes and the latents that the vocoder speaks.

Codes and latents are those of `Xtts.inference` in TTS 0.21.3 (TTS/tts/layers/xtts/gpt.py and gpt_inference.py), but the
latents are kept while decoding instead of running the whole GPT a second time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from xtts_cloning import sampling as sampler


@dataclass
class Request:
    """One sentence to speak."""

    text_ids: torch.Tensor  # [t] long, the tokenizer's ids without start and stop
    latents: torch.Tensor  # [1, 32, C] conditioning latents of the reference
    seed: int
    max_new_tokens: int  # audio codes, the stop code included; at most the model's max_gen_mel_tokens


@dataclass
class Decoded:
    """What one request became."""

    codes: torch.Tensor  # [n] long, without the stop code
    latents: torch.Tensor  # [n, C], or [n + 1, C] when stopped: the library speaks the row of the stop code as well
    stopped: bool  # by itself, not at the limit
    wall_seconds: float


@torch.inference_mode()
def decode(
    model,
    requests: list[Request],
    sampling: dict,
    do_sample: bool = True,
    progress: Callable[[int], object] = lambda count: None,
) -> list[Decoded]:
    """Decode every request with the values of settings["synthesis"]; without do_sample the likeliest code is taken.

    progress(1) is called when a request is done.
    """
    decoded = []
    for request in requests:
        decoded.append(_decode_one(model.gpt, request, sampling, do_sample))
        progress(1)
    return decoded


def _decode_one(gpt, request: Request, sampling: dict, do_sample: bool) -> Decoded:
    start = time.perf_counter()
    device = gpt.mel_head.weight.device
    text = F.pad(request.text_ids.to(device).long(), (1, 0), value=gpt.start_text_token)
    text = F.pad(text, (0, 1), value=gpt.stop_text_token)[None]
    embedded = torch.cat([request.latents.to(device), gpt.text_embedding(text) + gpt.text_pos_embedding(text)], dim=1)

    limit = min(request.max_new_tokens, gpt.max_gen_mel_tokens)
    seen = torch.zeros(1, gpt.num_audio_tokens, dtype=torch.bool, device=device)
    seen[:, [1, gpt.start_audio_token]] = True
    noise = sampler.noise(request.seed, (gpt.max_gen_mel_tokens, gpt.num_audio_tokens), device)
    code = torch.tensor([[gpt.start_audio_token]], device=device)
    cache, codes, latents, stopped = None, [], [], False
    while len(codes) < limit and not stopped:
        position = gpt.mel_pos_embedding.get_fixed_embedding(len(codes), device)
        step = gpt.mel_embedding(code) + position
        out = gpt.gpt(
            inputs_embeds=step if cache else torch.cat([embedded, step], 1), past_key_values=cache, use_cache=True
        )
        cache = out.past_key_values
        latents.append(gpt.final_norm(out.last_hidden_state[:, -1]))
        logits = sampler.penalize(gpt.mel_head(latents[-1]).float(), seen, sampling["repetition_penalty"])
        if do_sample:
            logits = sampler.warp(logits, sampling["temperature"], sampling["top_k"], sampling["top_p"])
            code = sampler.draw(logits, noise[len(codes)])[:, None]
        else:
            code = logits.argmax(-1, keepdim=True)
        seen.scatter_(1, code, True)
        codes.append(int(code))
        stopped = codes[-1] == gpt.stop_audio_token
    codes = torch.tensor(codes[:-1] if stopped else codes, dtype=torch.long)
    return Decoded(codes, torch.cat(latents), stopped, time.perf_counter() - start)
