"""A change reruns what it touches and nothing else: each change, and exactly the jobs that a dry run then plans."""

import os
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path

import builtin_voices
import pandas as pd
import pytest
from checkout import edit_config, planned, snakemake

REPORT = {"report"}
EVALUATION = {"evaluate", *REPORT}
SPEECH = {"synthesize:zero_shot", "synthesize:finetuned", "page_audio", *EVALUATION}
FINETUNING = {"finetune", "synthesize:finetuned", "page_audio", *EVALUATION}
REFERENCE = {"reference", *SPEECH}
SUBSET = {"subset", "finetune", *REFERENCE}
MODEL = {"demo_model", *SUBSET}
EVERYTHING = {"demo_speech", *MODEL}

CONFIG_CHANGES = [
    ({}, set()),
    ({"report.title": "Another title"}, REPORT),
    ({"report.gpu_price_per_hour": {"H100": 2.5}}, REPORT),
    ({"evaluation.window_seconds": 4.0}, EVALUATION),
    ({"evaluation.other_speaker": None}, EVALUATION),
    ({"synthesis.temperature": 0.5}, SPEECH),
    ({"synthesis.lines": "config/lines.txt"}, SPEECH),
    ({"reference.gpt_cond_len": 6}, SPEECH),
    ({"reference.min_seconds": 4.5}, REFERENCE),
    ({"reference.clip": "DEMO-0007"}, REFERENCE),
    ({"finetune.lr": 5.0e-4}, FINETUNING),
    ({"finetune.batch_size": 2, "finetune.grad_accum": 4}, FINETUNING),
    ({"finetune.batch_size": 1, "finetune.grad_accum": 4}, FINETUNING),  # the demo's 4 and 1, swapped
    ({"subset.clips": 40}, SUBSET),
    ({"dataset.sha256": "0" * 64}, SUBSET),
    ({"seed": 7}, MODEL),
    ({"compute.threads": 1}, {"finetune", *SPEECH}),
    ({"compute.container": "containers/mine.sif"}, set()),
    ({"model.accept_cpml": True}, set()),
]


@pytest.fixture
def builtin(demo):
    """The demo's model with speakers of its own, for as long as the test takes."""
    path = builtin_voices.write(demo.checkout / "data/models/demo", "Ana Example", "Bob Example")
    yield demo
    path.unlink()
    shutil.rmtree(demo.checkout / "results/demo/speech/other_speaker", ignore_errors=True)


def test_a_speaker_of_the_model_as_the_other_one(builtin):
    """She says the held-out sentences; another one, and the report's title, rerun no more than they touch."""
    other = {"synthesize:other_speaker", *EVALUATION}
    ana = edit_config(builtin.checkout, {"evaluation.other_speaker": "Ana Example"})
    assert planned(builtin.checkout, config=ana) == other
    folder = builtin.results / "speech/other_speaker"
    snakemake(builtin.checkout, "results/demo/speech/other_speaker", config=ana)
    spoken = pd.read_csv(folder / "manifest.csv")
    held_out = pd.read_csv(builtin.data / "mdata_test.csv", sep="|")
    assert list(spoken.text) == list(held_out.text)
    assert planned(builtin.checkout, config=ana) == EVALUATION
    for changes in ({"evaluation.other_speaker": "Bob Example"}, {"synthesis.temperature": 0.5}):
        changed = edit_config(builtin.checkout, {"evaluation.other_speaker": "Ana Example", **changes})
        expected = other | (SPEECH if "synthesis.temperature" in changes else set())
        assert planned(builtin.checkout, config=changed) == expected
    changed = edit_config(builtin.checkout, {"evaluation.other_speaker": "Ana Example", "reference.gpt_cond_len": 6})
    assert planned(builtin.checkout, config=changed) == SPEECH
    assert planned(builtin.checkout) == set(), "back with the recordings, nothing has changed"


def name(value) -> str:
    return "-".join(sorted(map(str, value)))[:60]


@pytest.mark.parametrize(("changes", "expected"), CONFIG_CHANGES, ids=name)
def test_config_change(demo, changes, expected):
    assert planned(demo.checkout, config=edit_config(demo.checkout, changes)) == expected


@contextmanager
def edited(path: Path, text: str):
    """The file with `text` appended; afterwards as it was, but for its time."""
    before = path.read_text()
    path.write_text(before + text)
    try:
        yield
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("config/demo_lines.txt", "One more line.\n", SPEECH),
        ("workflow/scripts/synthesize.py", "# edited\n", SPEECH),
        ("workflow/scripts/xtts_cloning/data/reference.py", "# edited\n", REFERENCE),
        ("workflow/scripts/xtts_cloning/speech/decoding.py", "# edited\n", SPEECH),
        ("workflow/scripts/xtts_cloning/training/loop.py", "# edited\n", FINETUNING),
        ("workflow/scripts/xtts_cloning/evaluation/measures.py", "# edited\n", EVALUATION),
        ("envs/xtts.lock", "# edited\n", EVERYTHING),
        ("README.md", "edited\n", set()),
    ],
)
def test_edited_file(demo, name, text, expected):
    with edited(demo.checkout / name, text):
        assert planned(demo.checkout) == expected
    assert planned(demo.checkout) == set(), "the same content with a new time stamp must rerun nothing"


def test_touched_files(demo):
    for path in [*demo.checkout.glob("workflow/scripts/**/*.py"), *demo.checkout.glob("config/*")]:
        os.utime(path)
    assert planned(demo.checkout) == set()


def test_image_instead_of_virtual_environment(demo, tmp_path):
    """A dry run asks Apptainer for no more than its version, so a stand-in command is enough here."""
    (tmp_path / "apptainer").write_text("#!/bin/sh\necho apptainer version 1.4.5\n")
    (tmp_path / "apptainer").chmod(0o755)
    path = f"{tmp_path}:{demo.checkout / '.venv/xtts/bin'}:{os.environ['PATH']}"
    assert planned(demo.checkout, "--sdm", "apptainer", PATH=path) == set()


def test_cluster_instead_of_this_machine(demo):
    assert planned(demo.checkout, "--executor", "slurm", "--jobs", "10") == set()


@pytest.fixture(scope="module")
def finished(demo, tmp_path_factory) -> Path:
    """The demo's checkout once more, to take apart; beside what it made, recordings that lie in folders."""
    folder = tmp_path_factory.mktemp("finished") / "checkout"
    shutil.copytree(demo.checkout, folder, symlinks=True)
    with tarfile.open(folder / "data/downloads/demo-speech.tar.bz2") as archive:
        archive.extractall(folder, filter="data")
    shutil.copytree(folder / "data/downloads/demo-other-speaker", folder / "own/others")
    return folder


@contextmanager
def kept(*paths: Path):
    """Whatever happens to the files and folders, they are afterwards as before, their times included."""
    with tempfile.TemporaryDirectory() as copies:
        for number, path in enumerate(paths):
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            if path.exists():
                copy(path, Path(copies, str(number)))
        try:
            yield
        finally:
            for number, path in enumerate(paths):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                if (before := Path(copies, str(number))).exists():
                    os.rename(before, path) if before.is_file() else shutil.copytree(before, path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("0", "9"))


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def empty(path: Path) -> None:
    for file in path.glob("[!.]*"):
        remove(file)


ZERO_SHOT = SPEECH - {"synthesize:finetuned"}
FINETUNED = SPEECH - {"synthesize:zero_shot"}
DAMAGES = [
    ("results/demo/finetune", remove, FINETUNING),
    ("results/demo/finetune/model.pth", cut, FINETUNING),
    ("results/demo/finetune/history.csv", cut, FINETUNING),
    ("results/demo/finetune/history.csv", edit, FINETUNING),
    ("results/demo/finetune/timing.json", remove, FINETUNING),
    ("results/demo/speech/zero_shot", remove, ZERO_SHOT),
    ("results/demo/speech/zero_shot", empty, ZERO_SHOT),
    ("results/demo/speech/zero_shot/line01.wav", remove, ZERO_SHOT),
    ("results/demo/speech/finetuned/line01.wav", cut, FINETUNED),
    ("results/demo/speech/finetuned/manifest.csv", remove, FINETUNED),
    ("results/demo/figures/index.json", cut, EVALUATION),
    ("results/demo/metrics.csv", edit, EVALUATION),
    ("results/demo/page_audio/zero_shot/line01.mp3", remove, {"page_audio", *REPORT}),
    ("results/demo/report.html", cut, REPORT),
    ("results/demo/provenance.json", remove, REPORT),
    ("results/demo/workflow", empty, REPORT),
    ("data/demo/reference.json", edit, REFERENCE),
    ("data/demo/clips.csv", remove, SUBSET),
    ("data/demo/wavs", empty, SUBSET),
]


@pytest.mark.parametrize(("name", "damage", "expected"), DAMAGES, ids=lambda value: getattr(value, "__name__", None))
def test_a_product_that_is_missing_or_damaged_is_made_again(finished, name, damage, expected):
    """It, and what hangs on it."""
    path = finished / name
    with kept(path):
        damage(path)
        assert planned(finished) == expected


def test_one_recording_among_the_clips_is_missing(finished):
    """And nothing is to be done once it, and all that was damaged before, is as it was."""
    wav = next(finished.glob("data/demo/wavs/*.wav"))
    with kept(wav):
        wav.unlink()
        assert planned(finished) == SUBSET
    assert planned(finished) == set()


def test_what_somebody_changed_is_kept_when_it_is_made_again(finished):
    path = finished / "data/demo/reference.json"
    before = path.read_text()
    path.write_text("my notes")
    snakemake(finished, "data/demo/reference.json")
    assert path.read_text() == before
    found = list(finished.glob("data/demo/.replaced/*/reference.json"))
    assert [file.read_text() for file in found] == ["my notes"]


def replace_by_older(wav: Path) -> None:
    wav.write_bytes(wav.read_bytes() + b"\0\0")
    os.utime(wav, (1, 1))


def add(wav: Path) -> None:
    shutil.copy2(wav, wav.with_name("ANOTHER.wav"))


def rename(wav: Path) -> None:
    wav.rename(wav.with_name("ANOTHER.wav"))


@pytest.fixture(scope="module")
def own_folders(finished) -> str:
    """A config of a run that is finished with recordings of its own, both voices' from folders."""
    config = edit_config(finished, {"dataset.archive": "demo-speech", "evaluation.other_speaker": "own/others"})
    snakemake(finished, "--touch", "--forceall", config=config)
    assert planned(finished, config=config) == set()
    yield config
    assert planned(finished, config=config) == set(), "all recordings are as they were"
    snakemake(finished, "--touch", "--forceall")


@pytest.mark.parametrize("change", [replace_by_older, os.utime, remove, add, rename])
@pytest.mark.parametrize(("folder", "expected"), [("demo-speech/wavs", SUBSET), ("own/others", EVALUATION)])
def test_a_recording_is_replaced_deleted_or_added(finished, own_folders, folder, expected, change):
    with kept(finished / Path(folder).parts[0]):  # as a whole: a folder's time, too, tells of what came into it
        change(min((finished / folder).glob("*.wav")))
        assert planned(finished, config=own_folders) == expected


def stops(checkout: Path, config: str, *said: str) -> None:
    """A dry run and a run stop with this message, and every file below data/ is there as it was."""
    files = {path: path.read_bytes() for path in checkout.glob("data/[!d]*/**/*") if path.is_file()}
    assert files
    for how in (["--dry-run"], []):
        done = snakemake(checkout, *how, config=config, check=False)
        assert done.returncode != 0
        for part in said:
            assert part in done.stdout + done.stderr
        assert {path: path.read_bytes() for path in checkout.glob("data/[!d]*/**/*") if path.is_file()} == files


@pytest.fixture
def mine(checkout) -> Path:
    """data/mine/ in a checkout in which nothing has run: somebody's own recordings."""
    folder = checkout / "data/mine"
    (folder / "wavs").mkdir(parents=True)
    for number in range(3):
        (folder / f"wavs/{number}.wav").write_bytes(b"my voice")
    (folder / "metadata.csv").write_text("".join(f"{number}|A text.|A text.\n" for number in range(3)))
    yield folder
    shutil.rmtree(folder)


def test_ones_own_recordings_in_the_speakers_folder(checkout, mine):
    config = edit_config(checkout, {"speaker": "mine", "run": "mine", "dataset.archive": "data/mine"})
    stops(checkout, config, "dataset.archive: data/mine", "writes and clears data/mine", "Move one of the two")


def test_ones_own_tables_in_the_speakers_folder(checkout, mine):
    """The layout of the source document: mdata.csv beside wavs/, the archive elsewhere."""
    (mine / "metadata.csv").rename(mine / "mdata.csv")
    config = edit_config(checkout, {"speaker": "mine", "run": "mine"})
    stops(checkout, config, "data/mine/mdata.csv", "data/mine/wavs/0.wav", "it has not made")
