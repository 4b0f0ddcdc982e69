"""The losses of the library's GPT on a batch, and faster calls for its transformer's layers."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from xtts_cloning.model.library import GPT
from xtts_cloning.training.batches import IGNORED, Batch

TEXT_WEIGHT = 0.01  # GPTArgs.gpt_loss_text_ce_weight; the audio's weight is 1


def losses(gpt: GPT, batch: Batch, mels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy per text token and per audio code of a batch with conditioning mels [b, 80, frames].

    GPT.forward of TTS/tts/layers/xtts/gpt.py with its masks and targets prepared beforehand: forward itself makes
    them row by row on the device, and its assertion on the targets makes the host wait for the whole pass.
    """
    text = gpt.text_embedding(batch.text) + gpt.text_pos_embedding(batch.text)
    audio = gpt.mel_embedding(batch.audio) + gpt.mel_pos_embedding(batch.audio)
    text_logits, audio_logits = gpt.get_logits(
        text,
        gpt.text_head,
        audio,
        gpt.mel_head,
        prompt=gpt.get_style_emb(mels).transpose(1, 2),
        attn_mask_text=batch.text_mask,
        attn_mask_mel=batch.audio_mask,
    )
    return (
        F.cross_entropy(text_logits, batch.text_targets, ignore_index=IGNORED),
        F.cross_entropy(audio_logits, batch.audio_targets, ignore_index=IGNORED),
    )


def fuse(gpt: GPT) -> None:
    """Let the transformer's layers call torch's fused attention and GELU.

    GPT2Attention of transformers 4.36 writes out every matrix of attention weights, and copies a constant from the
    host to the GPU in each layer, for which the host waits; its GELU is eight operations on the widest tensors.
    """
    for block in gpt.gpt.h:
        block.attn._attn = partial(_attention, block.attn)
        block.mlp.act = torch.nn.GELU(approximate="tanh")  # what "gelu_new" is


def _attention(layer: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, padding: Tensor, head_mask: None):
    """Takes the place of GPT2Attention._attn: q, k, v [b, heads, n, d], `padding` [b, 1, 1, n] is 0 where attended."""
    length = query.shape[-2]
    visible = layer.bias[:, :, :length, :length] & (padding == 0)
    dropout = layer.attn_dropout.p if layer.training else 0.0
    return F.scaled_dot_product_attention(query, key, value, attn_mask=visible, dropout_p=dropout), None
