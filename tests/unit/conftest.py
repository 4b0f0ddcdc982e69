"""What the tests of the speaking parts share."""

import copy

import numpy as np
import pytest
import soundfile
from xtts_cloning import config


@pytest.fixture(scope="session")
def library_model(standin):
    """The stand-in as the library's own Xtts loads it."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    library_config = XttsConfig()
    library_config.load_json(str(standin / "config.json"))
    model = Xtts.init_from_config(library_config)
    model.load_checkpoint(library_config, checkpoint_dir=str(standin), eval=True)
    return model


@pytest.fixture(scope="session")
def model(standin):
    """The stand-in as the workflow loads it; not to be changed."""
    from xtts_cloning.model import loading

    return loading.load(standin)


@pytest.fixture
def speak_settings() -> dict:
    """The demo's settings of the step synthesize, cut to a few audio tokens and one thread."""
    settings = config.settings(config.load(config.ROOT / "config" / "demo.yaml"), "synthesize")
    settings["synthesis"]["max_new_tokens"] = 4
    settings["compute"]["threads"] = 1
    return copy.deepcopy(settings)


@pytest.fixture(scope="session")
def voice_wav(tmp_path_factory):
    """4.2 s of a vowel-like sound, 22,050 Hz mono PCM 16 bit."""
    t = np.arange(int(4.2 * 22050)) / 22050
    vowel = sum(np.sin(2 * np.pi * 120 * k * t + k) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(6 * np.pi * t))
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    noise = np.random.default_rng(0).standard_normal(len(t))
    soundfile.write(path, 0.1 * vowel + 0.01 * noise, 22050, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def real_clips(ljspeech_archive):
    """Four real LJSpeech clips: {id: (text, samples at 16 kHz)}."""
    import voices

    return voices.real(ljspeech_archive, ["LJ001-0002", "LJ001-0004", "LJ001-0006", "LJ001-0008"])
