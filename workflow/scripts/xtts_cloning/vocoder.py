"""The vocoder: from GPT latents and a speaker embedding to audio."""

import numpy as np
import torch


@torch.inference_mode()
def vocode(model, latents: torch.Tensor, speaker_embedding: torch.Tensor) -> np.ndarray:
    """latents: [n, C]; speaker_embedding: [1, 512, 1]; returns float32 [samples] at 24 kHz."""
    decoder = model.hifigan_decoder
    audio = decoder(latents[None].to(decoder.device), g=speaker_embedding.to(decoder.device))
    return audio.float().cpu().numpy().reshape(-1)
