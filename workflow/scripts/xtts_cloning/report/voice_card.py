"""The card of an exported voice, Markdown: what it is, from what, how good, under which licence, with which bytes."""

import pandas

from xtts_cloning import config
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.report.run_files import LABELS, SPOKEN
from xtts_cloning.version import VERSION

SHOWN = ("secs", "cer", "dnsmos_ovrl")
CPML = (
    "This model is a fine-tune of XTTS-v2: model and speech are under the Coqui Public Model License, non-commercial "
    "use only, https://coqui.ai/cpml.txt. Speak with it only what the owner of the voice agreed to."
)
LOCAL = (
    "The licence is that of the model it was fine-tuned from. Speak with it only what the owner of the voice agreed to."
)
USE = """```python
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts
import torch

config = XttsConfig()
config.load_json("config.json")
model = Xtts.init_from_config(config)
model.load_checkpoint(config, checkpoint_dir=".")
voice = torch.load("speakers_xtts.pth")[{speaker!r}]
speech = model.inference("Hello.", {language!r}, voice["gpt_cond_latent"], voice["speaker_embedding"])["wav"]  # 24 kHz
```"""


def write(settings: dict, clips: pandas.DataFrame, summary: dict, hashes: dict[str, str]) -> str:
    """The card's text; clips and summary are the contents of clips.csv and summary.json, hashes sha256 by file."""
    source, revision = settings["model"]["source"], settings["model"]["revision"]
    learnt = clips[clips["split"] != "test"]
    means = summary["means"]["held_out"]
    systems = [system for system in ("ground_truth", *SPOKEN) if system in means]
    rows = [
        f"| {MEASURES[key].label} | " + " | ".join(_mean(means[system].get(key), key) for system in systems) + " |"
        for key in SHOWN
    ]
    lines = [
        f"# {settings['speaker']}, a voice of XTTS-v2",
        "",
        f"Language {settings['language']}. Fine-tuned from {source}" + (f" at {revision}" if revision else ""),
        f"on {len(learnt)} clips, {learnt['seconds'].sum() / 60:.1f} minutes, of {settings['dataset']['archive']}, "
        f"by xtts-voice-cloning {VERSION}, run {settings['run']}.",
        "",
        CPML if config.is_hub_repository(source) else LOCAL,
        "",
        "On held-out sentences, with 95 % intervals:",
        "",
        "| | " + " | ".join(LABELS[system] for system in systems) + " |",
        "|---|" + "---:|" * len(systems),
        *rows,
        "",
        USE.format(speaker=settings["speaker"], language=settings["language"]),
        "",
        "| file | sha256 |",
        "|---|---|",
        *(f"| `{name}` | `{digest}` |" for name, digest in hashes.items()),
    ]
    return "\n".join(lines) + "\n"


def _mean(found: dict | None, key: str) -> str:
    if not found:
        return "not measured"
    digits = MEASURES[key].digits
    between = "" if found["low"] is None else f" [{found['low']:.{digits}f}, {found['high']:.{digits}f}]"
    return f"{found['mean']:.{digits}f}{between}"
