"""What is wrong with a script's output is said before it reads, loads or fetches anything, and what is there stays."""

import importlib
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from xtts_cloning import audio, compute, config, products
from xtts_cloning.curation import recordings
from xtts_cloning.data import archives
from xtts_cloning.demo import espeak
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints, downloads, loading, texts

DEMO = str(config.DEFAULTS.with_name("demo.yaml"))
SETTINGS = ["--settings", DEMO]
MANIFESTS = ["--train", "in/train.csv", "--eval", "in/eval.csv"]
SPEECH = ["--speech", "in/speech/zero_shot", "in/speech/finetuned"]
SCORES = ["--metrics", "out/metrics.csv", "--summary", "out/summary.json", "--figures", "out/figures"]

OUT = ["--output", "out"]
HUB = ["--settings", str(config.DEFAULTS)]
VOICE = ["--wav", "out/reference.wav", "--explanation", "out/reference.json"]
TEXTS = ["--lines", "in/lines.txt", "--test", "in/test.csv"]
ABOUT = ["--clips", "in/clips.csv", "--summary", "in/summary.json"]
TABLES = ["mdata", "mdata_train", "mdata_eval", "mdata_test", "clips", "rejected"]
TRAINED = ["model.pth", "config.json", "vocab.json", "history.csv", "summary.json", "timing.json"]

# Each script's arguments, and where it writes: a path that ends in / is a folder, replaced as a whole.
SCRIPTS = {
    "curate": (["--recordings", "in/talks", "--asr", "in/whisper", *OUT], ["out/"]),
    "unpack_demo_model": (OUT, ["out/"]),
    "subset": (
        [*SETTINGS, "--archive", "in/a.tar", "--vocab", "in/m/vocab.json", "--model-config", "in/m/config.json", *OUT],
        [*(f"out/{name}.csv" for name in TABLES), "out/wavs/"],
    ),
    "reference": (
        [*SETTINGS, *MANIFESTS, "--test", "in/test.csv", *VOICE],
        ["out/reference.wav", "out/reference.json"],
    ),
    "finetune": (
        [*SETTINGS, "--model", "in/m", *MANIFESTS, *OUT],
        [f"out/{name}" for name in TRAINED],
    ),
    "synthesize": (
        [*SETTINGS, "--model", "in/m", "--reference", "in/me.wav", "--text", "Hi.", *TEXTS, *OUT],
        ["out/"],
    ),
    "evaluate": (
        [*SETTINGS, "--data", "in/data", *SPEECH, "--reference", "in/me.wav", "--other-speaker", "in/other", *SCORES],
        ["out/metrics.csv", "out/summary.json", "out/figures/"],
    ),
    "page_audio": (["--test", "in/test.csv", "--reference", "in/me.wav", *SPEECH, *OUT], ["out/"]),
    "report": (
        [*SETTINGS, "--data", "in/data", "--results", "out", "--model", "in/m", "--output", "out/report.html"],
        ["out/report.html", "out/provenance.json", "out/ro-crate-metadata.json", "out/workflow/"],
    ),
    "report_zip": ([DEMO, "--output", "out/report.zip"], ["out/report.zip"]),
    "export": ([*SETTINGS, "--model", "in/m", "--reference", "in/me.wav", *ABOUT, *OUT], ["out/"]),
    "download_dataset": ([*HUB, "--output", "out/a.tar.bz2"], ["out/a.tar.bz2"]),
    "download_model": ([*HUB, "--accept-cpml", *OUT], [f"out/{name}" for name in checkpoints.PINS]),
    "download_measure_model": (["--model", "wavlm", *OUT], ["out/"]),
    "make_demo_model": ([*SETTINGS, *OUT], [f"out/{name}" for name in checkpoints.MODEL_FILES]),
    "make_demo_speech": (
        ["--archive", "out/speech.tar.bz2", "--other-speaker", "out/other"],
        ["out/speech.tar.bz2", "out/other/"],
    ),
}
OUTPUTS = [(script, output) for script, (_, outputs) in SCRIPTS.items() for output in outputs]
# Each option that names an input, and the input that it names.
INPUTS = [
    (script, option, value)
    for script, (arguments, _) in SCRIPTS.items()
    for option, value in pairwise(arguments)
    if option.startswith("--") and value.startswith("in/") and script != "reference"  # its tables only name clips
]


@pytest.fixture(autouse=True)
def nothing_heavy(tmp_path, monkeypatch):
    """An empty working directory; whatever takes long, or needs what is not there, fails the test."""
    monkeypatch.chdir(tmp_path)

    def too_early(*arguments, **options):
        pytest.fail(f"begun before the output was looked at: {arguments}")

    heavy = {loading: "load", texts: "load_tokenizer", archives: "check_sha256", compute: "prepare", espeak: "speak"}
    heavy |= {audio: "read", checkpoints: "load", recordings: "find"}
    for module, name in heavy.items():
        monkeypatch.setattr(module, name, too_early)
    for name in ("fetch_archive", "fetch_model"):
        monkeypatch.setattr(downloads, name, too_early)


def run(monkeypatch, script: str, arguments: list[str]) -> str:
    """What the script's UserError says."""
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *arguments])
    with pytest.raises(UserError) as raised:
        importlib.import_module(script).main()
    return str(raised.value)


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    return path


def everything(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_every_script_that_writes_products_is_here():
    writes = re.compile(r"products\.|fetch_")
    scripts = {path.stem for path in (config.ROOT / "workflow/scripts").glob("*.py") if writes.search(path.read_text())}
    assert scripts == set(SCRIPTS)


@pytest.mark.parametrize(("script", "output"), OUTPUTS)
def test_ones_own_files_stay_and_are_named(monkeypatch, tmp_path, script, output):
    own = write(Path(output, "songs/mine.mp3") if output.endswith("/") else Path(output))
    write(Path("out.txt"))
    before = everything(tmp_path)
    assert str(own) in run(monkeypatch, script, SCRIPTS[script][0])
    assert everything(tmp_path) == before


@pytest.mark.parametrize(("script", "output"), OUTPUTS)
def test_an_output_of_the_wrong_kind(monkeypatch, tmp_path, script, output):
    write(Path(output.rstrip("/"))) if output.endswith("/") else write(Path(output, "mine.mp3"))
    before = everything(tmp_path)
    said = run(monkeypatch, script, SCRIPTS[script][0])
    assert str(Path(output)) in said and "name another place" in said
    assert everything(tmp_path) == before


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_output_that_cannot_be(monkeypatch, tmp_path, script):
    write(Path("out"))
    above = write(Path("file"))
    arguments = [re.sub("^out", "file/out", argument) for argument in SCRIPTS[script][0]]
    assert f"{above} is not a folder" in run(monkeypatch, script, arguments)


@pytest.mark.parametrize(("script", "option", "value"), INPUTS)
def test_an_input_in_the_output(monkeypatch, tmp_path, script, option, value):
    """Also where a record says that all of it may be replaced."""
    arguments, outputs = SCRIPTS[script]
    folder = next((output for output in outputs if output.endswith("/")), None)
    place = Path(folder, "mine") if folder else Path(outputs[0])
    if folder:
        write(place)
        (Path(folder) / products.RECORD).touch()
    else:
        products.claim(place)
        write(place)
    before = everything(tmp_path)
    said = run(monkeypatch, script, [str(place) if argument == value else argument for argument in arguments])
    assert option in said and "this command writes" in said
    assert everything(tmp_path) == before


def test_the_clip_of_the_config_as_the_output(monkeypatch):
    products.claim(Path("out/reference.wav"))
    write(Path("out/reference.wav"))
    settings = yaml.safe_dump({"reference": {"clip": "out/reference.wav"}})
    Path("mine.yaml").write_text(settings)
    arguments = ["--settings", "mine.yaml", *SCRIPTS["reference"][0][2:]]
    assert "reference.clip" in run(monkeypatch, "reference", arguments)
    assert Path("out/reference.wav").read_text() == "mine"
