"""`make export` of the demo's voice: the library loads the folder and says the same with the speaker's name."""

import subprocess

import pytest
import torch
from xtts_cloning import config, files
from xtts_cloning.model import builtin_speakers, checkpoints, latents, loading


@pytest.fixture(scope="module")
def exported(demo):
    command = ["make", "export", "CONFIG=config/demo.yaml", "ENV=venv"]
    done = subprocess.run(command, cwd=demo.checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return demo.results / "export"


def test_the_files_that_other_programs_want(demo, exported):
    names = {"model.pth", "config.json", "vocab.json", "speakers_xtts.pth", "reference.wav", "README.md"}
    assert {path.name for path in exported.iterdir() if not path.name.startswith(".")} == names
    card = (exported / "README.md").read_text()
    assert all(f"| `{name}` | `{files.sha256(exported / name)}` |" in card for name in names - {"README.md"})
    assert "# demo, a voice of XTTS-v2" in card and "48 clips" in card
    assert files.sha256(exported / "model.pth") == files.sha256(demo.results / "finetune/model.pth")
    assert list(checkpoints.load(exported / "speakers_xtts.pth")["demo"]) == list(builtin_speakers.PARTS)


def test_the_library_says_the_same_with_the_speakers_name(demo, exported):
    """The library's own loader and inference, with the file's latents; ours, with the reference clip's."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    library_config = XttsConfig()
    library_config.load_json(str(exported / "config.json"))
    library = Xtts.init_from_config(library_config)
    library.load_checkpoint(library_config, checkpoint_dir=str(exported), eval=True)
    voice = torch.load(exported / "speakers_xtts.pth")["demo"]
    options = {"do_sample": False, "repetition_penalty": 5.0, "max_new_tokens": 24}
    spoken = library.inference("Hello test.", "en", *voice.values(), **options)

    from xtts_cloning.speech import decoding, vocoder

    settings = config.load(demo.checkout / "config/demo.yaml")
    model = loading.load(demo.results / "finetune")
    with torch.inference_mode():
        gpt_latents, speaker = latents.conditioning(model, demo.data / "reference.wav", settings["reference"])
        ids = torch.tensor(library.tokenizer.encode("hello test.", lang="en"))
        values = settings["synthesis"] | {"precision": "fp32", "repetition_penalty": 5.0}
        decoded = decoding.decode(model, [decoding.Request(ids, gpt_latents, 0, 24)], values, do_sample=False)[0]
        ours = vocoder.vocode_all(model, [decoded.latents], speaker)[0]
    wanted = torch.from_numpy(spoken["gpt_latents"][0])
    assert torch.linalg.norm(decoded.latents - wanted) < 1e-4 * torch.linalg.norm(wanted)
    assert len(ours) == len(spoken["wav"]) and abs(ours - spoken["wav"]).max() < 1e-5


def test_make_speak_says_what_was_typed_and_runs_none_of_it(demo):
    """With the demo's model, which is there; the text is a shell's and make's nightmare."""
    text = """It's "quoted", $(shell touch run) `touch run` $HOME; & 100 %"""
    command = [
        "make",
        "speak",
        "CONFIG=config/demo.yaml",
        "ENV=venv",
        "REFERENCE=data/demo/reference.wav",
        f"TEXT={text}",
    ]
    done = subprocess.run(command, cwd=demo.checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    said = "it-s-quoted-shell-touch-run-touch-run-home-100.wav"
    assert f"results/by_hand/{said}" in done.stdout and (demo.checkout / "results/by_hand" / said).is_file()
    assert not (demo.checkout / "run").exists()
