"""Speech without recordings: espeak-ng's library, from its wheel, called through ctypes.

Interface: espeak-ng's `speak_lib.h`. Plain voices repeat byte for byte; variants such as `+f3` do not.
"""

import ctypes
from functools import cache

import espeakng_loader
import numpy as np

AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
POSITION_CHARACTER = 1
CHARS_UTF8 = 1
PARAMETER_RATE, PARAMETER_PITCH = 1, 3

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The initialised library and its sample rate in Hz."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data, INITIALIZE_DONT_EXIT)
    if rate <= 0:
        raise RuntimeError(f"espeak_Initialize failed with {rate}; data folder {data.decode()}")
    return library, rate


def speak(text: str, voice: str = "en-us", pitch: int = 50, words_per_minute: int = 165) -> tuple[np.ndarray, int]:
    """The text as int16 samples [n] and their rate in Hz; `pitch` is espeak's 0 to 99."""
    library, rate = _library()
    pieces: list[np.ndarray] = []

    @CALLBACK
    def collect(samples, count, _events):
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(collect)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng knows no voice {voice!r}")
    library.espeak_SetParameter(PARAMETER_RATE, words_per_minute, 0)
    library.espeak_SetParameter(PARAMETER_PITCH, pitch, 0)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16), rate
