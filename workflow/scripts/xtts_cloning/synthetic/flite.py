"""flite's CMU voices (Debian: libflite1), called through ctypes: from text to samples, and when each phone is spoken.

The structures and functions are those of flite 2.2's headers cst_wave.h, cst_voice.h, cst_utterance.h and cst_item.h.
"""

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from xtts_cloning.errors import UserError

VOICES = ("awb", "kal16", "rms", "slt")
NO_WORD = -1  # of a pause


class Phone(NamedTuple):
    name: str  # of the US English phone set; pau is a pause
    end: float  # seconds
    word: int  # its index among the words, or NO_WORD


class Speech(NamedTuple):
    samples: np.ndarray  # float32 [n]
    rate: int  # Hz
    phones: list[Phone]
    words: int  # how many words were spoken; numbers and abbreviations become several


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


_INT, _FLOAT, _POINTER = ctypes.c_int, ctypes.c_float, ctypes.c_void_p


class _ClustergenDatabase(ctypes.Structure):
    """cst_cg_db of cst_cg.h, up to the last field that is changed here."""

    _fields_ = (
        *((name, _POINTER) for name in ("name", "types")),
        *((name, _INT) for name in ("num_types", "sample_rate")),
        *((name, _FLOAT) for name in ("f0_mean", "f0_stddev")),
        *(("num_f0_models", _INT), ("f0_trees", _POINTER), ("num_param_models", _INT), ("param_trees", _POINTER)),
        *((name, _POINTER) for name in ("spamf0_accent_tree", "spamf0_phrase_tree")),
        *((name, _POINTER) for name in ("num_channels", "num_frames", "model_vectors")),
        *((name, _INT) for name in ("num_channels_spamf0_accent", "num_frames_spamf0_accent")),
        *((name, _POINTER) for name in ("spamf0_accent_vectors", "model_min", "model_range", "qtable")),
        *(("model_shape", _INT), ("frame_advance", _FLOAT), ("num_dur_models", _INT)),
        *((name, _POINTER) for name in ("dur_stats", "dur_cart", "phone_states")),
        *(("do_mlpg", _INT), ("dynwin", _POINTER), ("dynwinsize", _INT)),
        *((name, _FLOAT) for name in ("mlsa_alpha", "mlsa_beta")),
        *((name, _INT) for name in ("multimodel", "mixed_excitation", "me_num", "me_order")),
        *(("me_h", _POINTER), ("spamf0", _INT), ("gain", _FLOAT), ("freeable", _INT)),
    )


FUNCTIONS = {  # name: (result, arguments)
    "flite_init": (ctypes.c_int, []),
    "flite_synth_text": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_void_p]),
    "utt_wave": (ctypes.POINTER(_Wave), [ctypes.c_void_p]),
    "delete_utterance": (None, [ctypes.c_void_p]),
    "flite_feat_set_float": (None, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float]),
    "utt_relation": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    "relation_head": (ctypes.c_void_p, [ctypes.c_void_p]),
    "item_next": (ctypes.c_void_p, [ctypes.c_void_p]),
    "item_parent": (ctypes.c_void_p, [ctypes.c_void_p]),
    "item_as": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    "item_feat_float": (ctypes.c_float, [ctypes.c_void_p, ctypes.c_char_p]),
    "item_feat_string": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_char_p]),
    "cg_db_val": (ctypes.c_void_p, [ctypes.c_void_p]),
    "feat_set": (None, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]),
}


def speak(text: str, voice: str, stretch: float = 1.0, pitch: float | None = None) -> Speech:
    """`text` spoken by one of VOICES; `stretch` multiplies every duration, `pitch` in Hz is kept all through."""
    flite, registered = _flite(), _voice(voice)
    features = registered.contents.features
    flite.flite_feat_set_float(features, b"duration_stretch", stretch)
    if pitch is not None:
        flite.flite_feat_set_float(features, b"int_f0_target_mean", pitch)
        flite.flite_feat_set_float(features, b"int_f0_target_stddev", 0.0)
    utterance = flite.flite_synth_text(text.encode(), ctypes.cast(registered, ctypes.c_void_p))
    try:
        wave = flite.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32) / 32768
        return Speech(samples, wave.sample_rate, *_phones(flite, utterance))
    finally:
        flite.delete_utterance(utterance)


def _phones(flite: ctypes.CDLL, utterance: int) -> tuple[list[Phone], int]:
    phones, word, count = [], None, 0
    for segment in _items(flite, utterance, b"Segment"):
        in_syllable = flite.item_as(segment, b"SylStructure")
        syllable = flite.item_parent(in_syllable) if in_syllable else None
        parent = flite.item_parent(syllable) if syllable else None
        if parent and parent != word:
            word, count = parent, count + 1
        name, end = flite.item_feat_string(segment, b"name"), flite.item_feat_float(segment, b"end")
        phones.append(Phone(name.decode(), end, count - 1 if parent else NO_WORD))
    return phones, count


def _items(flite: ctypes.CDLL, utterance: int, relation: bytes) -> Iterator[int]:
    item = flite.relation_head(flite.utt_relation(utterance, relation))
    while item:
        yield item
        item = flite.item_next(item)


@cache
def _flite() -> ctypes.CDLL:
    flite = _library("libflite.so.1")
    for name in ("libflite_usenglish.so.1", "libflite_cmulex.so.1"):  # the voices look their symbols up among these
        _library(name)
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(flite, name)
        function.restype, function.argtypes = result, arguments
    flite.flite_init()
    return flite


@cache
def _voice(name: str) -> ctypes.POINTER(_Voice):
    flite, library = _flite(), _library(f"libflite_cmu_us_{name}.so.1")
    register = getattr(library, f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.POINTER(_Voice), [ctypes.c_void_p]
    voice = register(None)
    if name == "rms":
        # This voice has a second model of intonation, which overrules the pitch that was asked for. The library's
        # data cannot be written to, so a copy that lacks that model takes its place.
        database = _ClustergenDatabase.from_buffer_copy(_ClustergenDatabase.in_dll(library, "cmu_us_rms_cg_db"))
        database.spamf0 = 0
        _kept.append(database)
        flite.feat_set(voice.contents.features, b"cg_db", flite.cg_db_val(ctypes.addressof(database)))
    return voice


_kept: list[_ClustergenDatabase] = []  # flite holds their addresses


def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise UserError(
            f"{name} of flite 2.2 cannot be loaded ({error}); install flite (Debian and Ubuntu: apt-get install "
            "libflite1), or build it as shared libraries from its sources and set LD_LIBRARY_PATH to them"
        ) from None
