"""The pieces of TTS 0.21.3 that the workflow uses, each imported when it is first asked for and nothing beside it.

`from xtts_cloning.model.library import GPT` gives the library's own class. The library's own import path costs twice to
three times what torch alone does: `TTS/tts/layers/__init__.py` loads the losses of every other model (librosa,
scipy.stats), `TTS.tts.models.xtts` the data sets and plots of its trainer, and the tokenizer loads spaCy for a function
that only long texts need. So the package `TTS.tts.layers` is registered here without running its `__init__` (nothing
is defined there, and the modules in it load from their installed files as ever), and the tokenizer's seldom used
imports wait for their first use. A full `import TTS.tts.models.xtts` in the same process still works, before or after,
and has the same classes.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

TOKENIZER = "TTS.tts.layers.xtts.tokenizer"
PIECES = {
    "GPT": "TTS.tts.layers.xtts.gpt",
    "HifiDecoder": "TTS.tts.layers.xtts.hifigan_decoder",
    "DiscreteVAE": "TTS.tts.layers.xtts.dvae",
    "TorchMelSpectrogram": "TTS.tts.layers.tortoise.arch_utils",
    "VoiceBpeTokenizer": TOKENIZER,  # without importing torch
    "num2chn": "TTS.tts.layers.xtts.zh_num2words",
    "split_sentence": TOKENIZER,  # imports spaCy when a text is long enough to be split
}
SELDOM_USED_MODULES = ("torch", "pypinyin")  # for decoding ids, and for Chinese
SELDOM_USED_CLASSES = {  # of split_sentence
    "spacy.lang.ar": "Arabic",
    "spacy.lang.en": "English",
    "spacy.lang.es": "Spanish",
    "spacy.lang.ja": "Japanese",
    "spacy.lang.zh": "Chinese",
}


def __getattr__(name: str) -> Any:
    """The library's class or function of that name, one of PIECES (PEP 562)."""
    if name not in PIECES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _register_layers()
    if PIECES[name] == TOKENIZER:
        with _seldom_used_imports_deferred():
            module = importlib.import_module(TOKENIZER)
    else:
        module = importlib.import_module(PIECES[name])
    return getattr(module, name)


def _register_layers() -> None:
    """Make `TTS.tts.layers` importable without its `__init__`; the real package stays if it is already there."""
    if "TTS.tts.layers" in sys.modules:
        return
    package = ModuleType("TTS.tts.layers")
    package.__spec__ = importlib.util.find_spec("TTS.tts.layers")
    package.__path__ = list(package.__spec__.submodule_search_locations)
    sys.modules[package.__name__] = package


@contextmanager
def _seldom_used_imports_deferred() -> Iterator[None]:
    """While the tokenizer's module is imported, stand-ins take the place of what it seldom uses.

    The stand-ins leave sys.modules at the end, so that everybody else imports the real modules; only the tokenizer's
    module keeps them, and they import the real ones on first use.
    """
    stand_ins: dict[str, ModuleType] = {name: _Deferred(name) for name in SELDOM_USED_MODULES}
    for name, class_name in SELDOM_USED_CLASSES.items():
        stand_ins[name] = ModuleType(name)
        setattr(stand_ins[name], class_name, _deferred_class(name, class_name))
    stand_ins = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


class _Deferred(ModuleType):
    """A module that is imported when the first thing in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def _deferred_class(module: str, name: str) -> Any:
    """A function that makes an instance of a class whose module it imports first."""
    return lambda: getattr(importlib.import_module(module), name)()
