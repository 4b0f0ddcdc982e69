"""The library's pieces load lightly, and the full library still loads beside them."""

import subprocess
import sys

import pytest
from scripts import SCRIPTS

IN_A_NEW_PROCESS = """
import sys

def imported(*names):
    return [name for name in names if name in sys.modules]

from xtts_cloning.model.library import VoiceBpeTokenizer, split_sentence
assert not imported("torch", "spacy", "pypinyin", "spacy.lang.en"), "the tokenizer needs no torch"
assert VoiceBpeTokenizer().preprocess_text("Room 42", "en") == "room forty-two"

from xtts_cloning.model.library import GPT, DiscreteVAE, HifiDecoder, TorchMelSpectrogram
heavy = imported("trainer", "spacy", "librosa", "matplotlib", "scipy.stats", "TTS.tts.layers.losses", "pandas")
assert not heavy, f"imported for nothing: {heavy}"
assert split_sentence("One sentence. " * 30, "en", 250)[0].startswith("One sentence. One")
assert imported("spacy.lang.en"), "split_sentence is the library's own, on spaCy"
assert VoiceBpeTokenizer().preprocess_text("\\u4f60\\u597d", "zh") == "ni3hao3", "pypinyin comes when it is needed"

import TTS.tts.layers.losses
import TTS.tts.layers.xtts.gpt
import TTS.tts.models.xtts as full
assert full.GPT is GPT and full.VoiceBpeTokenizer is VoiceBpeTokenizer and full.HifiDecoder is HifiDecoder
assert full.Xtts.__mro__[1].__module__ == "TTS.tts.models.base_tts"
"""


def test_pieces_come_without_the_package_tree_and_the_full_library_after_them():
    result = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS], cwd=SCRIPTS, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr


def test_after_a_full_import_the_pieces_are_the_same():
    import TTS.tts.models.xtts as full
    from xtts_cloning.model import library

    assert library.GPT is full.GPT
    assert library.split_sentence is full.split_sentence


def test_an_unknown_piece_is_an_attribute_error():
    from xtts_cloning.model import library

    with pytest.raises(AttributeError, match="Tacotron"):
        _ = library.Tacotron
