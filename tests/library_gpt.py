"""The library's GPT with weights that make speech of it: every code depends clearly on all that came before."""

from types import SimpleNamespace

import torch
from xtts_cloning.model.library import GPT
from xtts_cloning.speech.decoding import Request

SMALL = {"layers": 2, "model_dim": 64, "heads": 2}


def make(seed: int = 5, stop_bias: float = 0.0, **size) -> SimpleNamespace:
    """A model whose .gpt is the library's. The library's own initial weights are so small that every text gets the same
    codes; these are larger, and `stop_bias` is added to the logit of the stop code."""
    torch.manual_seed(seed)
    gpt = GPT(
        **(size or SMALL),
        start_text_token=261,
        stop_text_token=0,
        max_text_tokens=402,
        max_mel_tokens=605,
        number_text_tokens=300,
        num_audio_tokens=1026,
        start_audio_token=1024,
        stop_audio_token=1025,
        use_perceiver_resampler=True,
    )
    gpt.init_gpt_for_inference()
    with torch.no_grad():
        for name, parameter in gpt.named_parameters():
            if name.startswith("gpt.h.") and parameter.ndim == 2:
                parameter.normal_(0, 1.6 / gpt.model_dim**0.5)
            elif "embedding" in name:
                parameter.normal_(0, 0.3)
        gpt.mel_head.weight.normal_(0, 1.6 / gpt.model_dim**0.5)
        gpt.mel_head.bias[gpt.stop_audio_token] += stop_bias
    return SimpleNamespace(gpt=gpt.eval())


def requests(model, lengths: list[int], max_new_tokens: int, seed: int = 1) -> list[Request]:
    """Random texts of these lengths for one random reference."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(1, 32, model.gpt.model_dim, generator=generator)
    texts = [torch.randint(1, 300, (length,), generator=generator) for length in lengths]
    return [Request(text, latents, 100 + n, max_new_tokens) for n, text in enumerate(texts)]


@torch.inference_mode()
def generate(model, request: Request, **options) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes [n] with the stop code, and latents [n, C], as `Xtts.inference` of TTS 0.21.3 computes them: generate, then
    the whole GPT again."""
    gpt, device = model.gpt, model.gpt.mel_head.weight.device
    text, latents = request.text_ids[None].to(device), request.latents.to(device)
    codes = gpt.generate(latents, text, num_beams=1, num_return_sequences=1, **options)
    lengths = torch.tensor([text.shape[1]], device=device), torch.tensor([codes.shape[1] * gpt.code_stride_len])
    again = gpt(text, lengths[0], codes, lengths[1].to(device), cond_latents=latents, return_latent=True)
    return codes[0].cpu(), again[0]
