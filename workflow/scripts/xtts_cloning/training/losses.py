"""The losses of the library's GPT on a batch, and faster calls for its transformer's layers."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from xtts_cloning.model import attention
from xtts_cloning.model.library import GPT
from xtts_cloning.training.batches import IGNORED, Batch

TEXT_WEIGHT = 0.01  # GPTArgs.gpt_loss_text_ce_weight; the audio's weight is 1


def losses(gpt: GPT, batch: Batch, mels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy per text token and per audio code of a batch with conditioning mels [b, 80, frames].

    GPT.forward of TTS/tts/layers/xtts/gpt.py, whose sequences have gaps: each text is padded to the longest before its
    audio follows, and a mask hides that from attention. Here a clip's conditioning, text and codes follow each other
    without a gap and all padding comes last, where causal attention does not look: no mask is needed, and fewer
    positions are computed.
    """
    text = gpt.text_embedding(batch.text) + gpt.text_pos_embedding(batch.text)
    audio = gpt.mel_embedding(batch.audio) + gpt.mel_pos_embedding(batch.audio)
    rows = torch.arange(len(text), device=text.device)[:, None]
    prompt = gpt.get_style_emb(mels).transpose(1, 2)
    sequence = torch.cat([prompt, torch.cat([text, audio], 1)[rows, batch.order]], 1)
    hidden = gpt.gpt(inputs_embeds=sequence, return_dict=True).last_hidden_state[:, prompt.shape[1] :]
    latents = gpt.final_norm(hidden)
    text_logits = gpt.text_head(latents[:, : text.shape[1]])
    audio_logits = gpt.mel_head(latents[rows, batch.audio_places])
    return (
        F.cross_entropy(text_logits.transpose(1, 2), batch.text_targets, ignore_index=IGNORED),
        F.cross_entropy(audio_logits.transpose(1, 2), batch.audio_targets, ignore_index=IGNORED),
    )


def fuse(gpt: GPT) -> None:
    """Let the transformer's layers call torch's fused attention and GELU.

    GPT2Attention of transformers 4.36 writes out every matrix of attention weights, and copies a constant from the
    host to the GPU in each layer, for which the host waits; its GELU is eight operations on the widest tensors.
    """
    for block in gpt.gpt.h:
        block.attn._attn = partial(_attention, block.attn)
        block.mlp.act = torch.nn.GELU(approximate="tanh")  # what "gelu_new" is


def checkpoint_encoder(gpt: GPT) -> None:
    """Let the conditioning encoder's blocks keep their input alone for the backward pass, and compute the rest again.

    Written out, their attention keeps matrices of frames x frames; transformers checkpoints only the layers of its own.
    """
    for block in gpt.conditioning_encoder.attn:
        forward = type(block).forward.__get__(block)
        block.forward = partial(_checkpointed, forward)


def _checkpointed(forward: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    return checkpoint(forward, hidden, use_reentrant=False) if torch.is_grad_enabled() else forward(hidden)


def _attention(layer: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, padding: None, head_mask: None):
    """Takes the place of GPT2Attention._attn: q, k, v [b, heads, n, d], nothing masked but what comes later."""
    dropout = layer.attn_dropout.p if layer.training else 0.0
    return attention.fused(query, key, value, causal=True, dropout=dropout), None
