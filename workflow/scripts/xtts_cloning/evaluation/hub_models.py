"""The hub models that evaluation.asr: whisper and evaluation.similarity: wavlm need: repository, commit, files.

Both follow seed-tts-eval. Its own speaker model, a fine-tuned WavLM-large, is on no hub: base-plus-sv takes its place.
Whisper is Apache-2.0; WavLM's repository names the licence of its source, CC BY-SA 3.0.
"""

from typing import NamedTuple


class HubModel(NamedTuple):
    """A repository at a commit, and the files of it that transformers reads."""

    repository: str
    revision: str
    files: tuple[str, ...]


HUB_MODELS = {
    "whisper": HubModel(
        "openai/whisper-large-v3",
        "06f233fe06e710322aca913c1bc4249a0d71fce1",
        (
            "config.json",
            "generation_config.json",
            "preprocessor_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
            "merges.txt",
            "normalizer.json",
            "added_tokens.json",
            "special_tokens_map.json",
            "model.safetensors",
        ),
    ),
    "wavlm": HubModel(
        "microsoft/wavlm-base-plus-sv",
        "feb593a6c23c1cc3d9510425c29b0a14d2b07b1e",
        ("config.json", "preprocessor_config.json", "pytorch_model.bin"),
    ),
}
