"""No input may lie where the workflow writes or clears, and nothing there may be somebody's own."""

import copy
import functools
import re
from pathlib import Path

import pytest
import yaml
from xtts_cloning import config, products
from xtts_cloning.driver import places
from xtts_cloning.errors import UserError

DEFAULTS = functools.cache(config.load)


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch) -> Path:
    """An empty checkout, which is the working directory."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(config, "ROOT", folder)
    return folder


@pytest.fixture
def settings() -> dict:
    return copy.deepcopy(DEFAULTS(config.DEFAULTS.with_name("demo.yaml")))


@pytest.fixture
def hub() -> dict:
    """The shipped config: an archive and a model that are downloaded."""
    return copy.deepcopy(DEFAULTS(config.DEFAULTS))


def give(settings: dict, key: str, path: Path | str) -> dict:
    section, name = key.split(".")
    settings[section][name] = str(path)
    return settings


def write(path: Path, text: str = "mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# Every kind of input: its key, and a file's name or a folder's content.
KINDS = {
    "archive": ("dataset.archive", "mine.tar.bz2", None),
    "folder of recordings": ("dataset.archive", "mine", "wavs/a.wav"),
    "reference clip": ("reference.clip", "clip.wav", None),
    "other speaker": ("evaluation.other_speaker", "own/others", "a.wav"),
    "other speaker's clip": ("evaluation.other_speaker", "other.wav", None),
    "model": ("model.source", "own/sub/model", "model.pth"),
    "lines": ("synthesis.lines", "lines.txt", None),
    "image": ("compute.container", "mine.sif", None),
}
PLACES = [
    *("data/demo", "data/demo/wavs", "results/demo/speech/zero_shot", "results/demo/logs", "data/models/demo"),
    *("data/downloads/demo-other-speaker", "data/downloads/.store", "data/models/logs"),
    *("data/models/measures/whisper", ".snakemake"),
]


def put(folder: Path, kind: str) -> Path:
    """An input of this kind in the folder."""
    _, name, content = KINDS[kind]
    write(folder / name / content if content else folder / name)
    return folder / name


def refused(settings: dict, key: str, place: str = "") -> str:
    """The error, which must name the key, and the place or what of it is written."""
    with pytest.raises(UserError) as raised:
        places.check(settings)
    message = str(raised.value)
    assert f"{key}: " in message and "Move one of the two" in message
    top = "/".join(place.split("/")[:2])
    assert top in message, message
    return message


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_input_in_a_place_that_is_written(settings, kind, place, tmp_path):
    key = KINDS[kind][0]
    source = put(Path(place), kind)
    for named in (source, source.absolute(), Path(f"results/../{source}")):
        refused(give(settings, key, named), key, place)
    link = tmp_path / "links" / source.name
    link.parent.mkdir()
    link.symlink_to(source.absolute())
    refused(give(settings, key, link), key, place)
    folder = tmp_path / "linked"
    folder.symlink_to(Path(place).absolute())
    refused(give(settings, key, folder / source.relative_to(place)), key, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_input_where_the_place_is_a_link_to(settings, kind, place, tmp_path):
    """data/demo -> a folder on another disk, which the config names by its own path."""
    key = KINDS[kind][0]
    disk = tmp_path / "disk"
    source = put(disk, kind)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).symlink_to(disk)
    refused(give(settings, key, source), key, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [kind for kind, (_, _, content) in KINDS.items() if content])
def test_an_input_around_a_place_that_is_written(settings, kind, place, tmp_path):
    key = KINDS[kind][0]
    write(Path(place, "a.wav"))
    for above in list(Path(place).parents):
        named = above.absolute() if key != "dataset.archive" else above  # a bare name is a speaker or a repository
        message = refused(give(settings, key, named), key)
        assert any(f"clears {written}\n" in message for written in places.written(settings))
    inside = tmp_path / "inside"
    (inside / "wavs").mkdir(parents=True)
    (inside / "wavs" / "link").symlink_to(Path(place).absolute())
    message = refused(give(settings, key, inside), key, place)
    assert str(inside) in message


@pytest.mark.parametrize("kind", [kind for kind, (_, _, content) in KINDS.items() if content])
def test_an_input_that_a_link_in_a_place_leads_to(settings, kind, tmp_path):
    """data/demo/wavs -> the own recordings: what is written there goes into them."""
    key, source = KINDS[kind][0], put(tmp_path / "elsewhere", kind)
    Path("data/demo").mkdir(parents=True)
    Path("data/demo/wavs").symlink_to(source)
    refused(give(settings, key, source), key, "data/demo")
    refused(give(settings, key, next(source.rglob("*.*"))), key, "data/demo")


def test_all_inputs_that_lie_wrong_are_named_at_once(settings):
    for key, path in {
        "dataset.archive": "data/demo",
        "synthesis.lines": "results/demo/lines.txt",
        "reference.clip": "data/demo/me.wav",
    }.items():
        write(Path(path, "wavs/a.wav") if path == "data/demo" else Path(path))
        give(settings, key, path)
    with pytest.raises(UserError) as raised:
        places.check(settings)
    assert all(f"{key}: " in str(raised.value) for key in ("dataset.archive", "synthesis.lines", "reference.clip"))


def test_a_folder_that_is_not_there_yet_is_refused_too(settings):
    refused(give(settings, "dataset.archive", "data/demo/recordings"), "dataset.archive", "data/demo")


def test_the_archives_own_download(hub):
    """A clip beside the downloads is fine; one that is what a download replaces is not."""
    places.check(give(hub, "evaluation.other_speaker", "data/downloads/other.wav"))
    name = config.archive_path(hub)
    refused(give(hub, "evaluation.other_speaker", name), "evaluation.other_speaker", "data/downloads")


@pytest.mark.parametrize("name", ["demo.yaml", "config.yaml"])
def test_the_shipped_configs_are_fine(name):
    assert "apart" in places.check(DEFAULTS(config.DEFAULTS.with_name(name)))


@pytest.mark.parametrize("root", ["data/downloads", "data/models", "data/mine", "recordings", "results/other", "/"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_input_anywhere_else(settings, kind, root, tmp_path):
    folder = tmp_path / "disk" if root == "/" else Path(root)
    places.check(give(settings, KINDS[kind][0], put(folder, kind)))


def test_what_is_no_path_is_no_place(settings):
    settings["reference"]["clip"] = "DEMO-0001"
    settings["evaluation"]["other_speaker"] = "Ana Example"
    settings["compute"]["container"] = "docker://data/demo"
    places.check(settings)


@pytest.mark.parametrize("made", places.made(DEFAULTS(config.DEFAULTS.with_name("demo.yaml"))), ids=str)
def test_ones_own_file_where_a_product_goes(settings, made):
    """What is there is listed and stays; with a record it is the workflow's."""
    own = write(made if made.suffix else made / "deep/mine.wav")
    with pytest.raises(UserError, match=re.escape(str(own))):
        places.check(settings)
    assert own.read_text() == "mine"
    record = made.with_name(f".{made.name}.made") if made.suffix else made / ".made"
    record.touch()
    places.check(settings)


@pytest.mark.parametrize(
    "own", ["downloads/demo-speech.tar.bz2", "downloads/demo-other-speaker/me.wav", "models/demo/model.pth"]
)
def test_ones_own_file_where_the_demo_writes(settings, own, tmp_path):
    write(Path("data", own))
    with pytest.raises(UserError, match=re.escape(own)):
        places.check(settings)
    apart = {"dataset.archive": "r", "evaluation.other_speaker": "o", "model.source": "sub/of/m"}
    for key, path in apart.items():
        give(settings, key, tmp_path / path)
    places.check(settings)  # nothing of the demo's is made then


def test_ones_own_files_beside_products_are_fine(settings):
    for path in ("data/demo/notes.txt", "results/demo/finetune/notes.txt", "results/demo/speech/mine/a.wav"):
        write(Path(path))
    places.check(settings)


def test_downloads_brought_by_hand(hub):
    """What is all there no rule replaces; of a part, the download would replace what is there."""
    archive, model = Path(config.archive_path(hub)), Path(config.model_folder(hub))
    write(archive)
    places.check(hub)
    *most, last = places.checkpoints.PINS
    for name in most:
        write(model / name)
    with pytest.raises(UserError, match=re.escape(str(model / most[0]))):
        places.check(hub)
    write(model / last)
    places.check(hub)


def test_ones_own_files_among_a_downloaded_measures(hub):
    hub["evaluation"]["asr"] = "whisper"
    own = write(Path("data/models/measures/whisper/notes.txt"))
    with pytest.raises(UserError, match=re.escape(str(own))):
        places.check(hub)
    hub["evaluation"]["asr"] = "pocketsphinx"
    places.check(hub)


@pytest.mark.parametrize("speaker", ["downloads", "models"])
def test_a_speaker_whose_folder_is_another_ones(speaker):
    write(Path("changed.yaml"), yaml.safe_dump({"speaker": speaker}))
    with pytest.raises(UserError, match=rf"(?s)speaker: .*data/{speaker}/"):
        config.load("changed.yaml")


@pytest.mark.parametrize("speaker", ["downloads2", "my-models", "model", "Downloads.old"])
def test_a_speaker_with_a_name_like_it(speaker):
    write(Path("changed.yaml"), yaml.safe_dump({"speaker": speaker}))
    assert config.load("changed.yaml")["speaker"] == speaker


def test_damaged_products(settings):
    assert places.damaged(settings) == []
    with products.file(Path("data/demo/clips.csv")) as path:
        path.write_text("whole")
    with products.folder(Path("results/demo/speech/zero_shot")) as folder:
        write(folder / "a.wav")
    assert places.damaged(settings) == []
    Path("data/demo/clips.csv").write_text("cut")
    Path("results/demo/speech/zero_shot/a.wav").unlink()
    assert places.damaged(settings) == [Path("data/demo/clips.csv"), Path("results/demo/speech/zero_shot")]
