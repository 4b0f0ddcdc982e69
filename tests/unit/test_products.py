"""Only what the workflow made is replaced, and killed at any moment, the old or the new stands whole."""

import base64
import json
import os
import re
from pathlib import Path

import pytest
from xtts_cloning import files, products
from xtts_cloning.errors import UserError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def make_folder(path: Path, **content: str) -> Path:
    with products.folder(path) as partial:
        for name, text in content.items():
            write(partial / f"{name}.txt", text)
    return path


def make_file(path: Path, text: str) -> Path:
    with products.file(path) as partial:
        partial.write_text(text)
    return path


def tree(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


def texts(folder: Path) -> dict[str, str]:
    """The folder's own files, without its record."""
    return {name: text for name, text in tree(folder).items() if name != products.RECORD}


def test_a_folders_record_holds_size_time_and_hash_of_every_file(tmp_path):
    folder = tmp_path / "speech"
    with products.folder(folder) as partial:
        write(partial / "deep/er/a.wav", "sound")
    path = folder / "deep/er/a.wav"
    record = json.loads((folder / products.RECORD).read_text())
    assert record == {"deep/er/a.wav": [5, path.stat().st_mtime_ns, files.sha256(path)]}
    assert products.foreign(folder) == [] and products.changes(folder) == {}


def test_a_files_record_lies_beside_it(tmp_path):
    path = make_file(tmp_path / "metrics.csv", "a,b")
    record = json.loads((tmp_path / ".metrics.csv.made").read_text())
    assert record == {"": [3, path.stat().st_mtime_ns, files.sha256(path)]}
    assert products.foreign(path) == [] and products.changes(path) == {}


def test_a_product_that_is_copied_or_touched_is_the_same(tmp_path):
    folder = make_folder(tmp_path / "speech", a="one")
    os.utime(folder / "a.txt", (1, 1))
    assert products.changes(folder) == {}


def test_products_are_made_again_and_leave_nothing_behind(tmp_path):
    for text in ("old", "new"):
        make_folder(tmp_path / "speech", **{text: text})
        make_file(tmp_path / "metrics.csv", text)
        with products.several(tmp_path, ["wavs", "mdata.csv"]) as partial:
            write(partial / "wavs/a.wav", text)
            write(partial / "mdata.csv", text)
    assert tree(tmp_path).keys() == {
        *("speech/new.txt", "speech/.made", "metrics.csv", ".metrics.csv.made"),
        *("wavs/a.wav", "wavs/.made", "mdata.csv", ".mdata.csv.made"),
    }
    assert set(texts(tmp_path / "speech").values()) == {"new"} and (tmp_path / "mdata.csv").read_text() == "new"


def writers(place: Path) -> dict:
    """Every way to write a product, to a folder `speech`, a file `metrics.csv`."""
    return {
        "folder": (place / "speech", lambda: products.folder(place / "speech")),
        "file": (place / "metrics.csv", lambda: products.file(place / "metrics.csv")),
        "folder of several": (place / "speech", lambda: products.several(place, ["other", "speech"])),
        "file of several": (place / "metrics.csv", lambda: products.several(place, ["other", "metrics.csv"])),
        "check": (place / "speech", lambda: products.check(folders=[place / "speech"])),
        "check of a file": (place / "metrics.csv", lambda: products.check([place / "metrics.csv"])),
    }


@pytest.mark.parametrize("way", writers(Path()))
def test_what_the_workflow_did_not_make_is_listed_and_stays(tmp_path, way):
    product, writer = writers(tmp_path)[way]
    own = [product] if product.suffix else [product / f"songs/{number}.wav" for number in range(7)]
    for path in own:
        write(path, f"mine {path.name}")
    before = tree(tmp_path)
    with pytest.raises(UserError) as refused:
        written = writer()
        if written is not None:
            with written:
                pass
    assert tree(tmp_path) == before
    message = str(refused.value)
    assert all(str(path) in message for path in own[:5])
    assert ("and 2 more" in message) == (len(own) == 7)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("way", ["folder", "folder of several", "check"])
@pytest.mark.parametrize("foreign", ["mine.wav", "deep/mine.wav", ".hidden", "link", "linked folder"])
def test_a_foreign_file_in_a_product_folder_stops_and_stays(tmp_path, way, foreign):
    product, writer = writers(tmp_path)[way]
    make_folder(product, a="made")
    path = product / foreign
    path.parent.mkdir(exist_ok=True)
    if "link" in foreign:
        path.symlink_to(write(tmp_path / "mine" / "song.wav", "mine") if foreign == "link" else tmp_path)
    else:
        write(path, "mine")
    with pytest.raises(UserError, match=re.escape(str(path))):
        written = writer()
        if written is not None:
            with written:
                pass
    assert os.path.lexists(path) and (product / "a.txt").read_text() == "made"


@pytest.mark.parametrize("way", writers(Path()))
def test_somebodys_link_to_a_disk_that_is_not_there_stays(tmp_path, way):
    product, writer = writers(tmp_path)[way]
    product.symlink_to(tmp_path / "disk/speech")
    with pytest.raises(UserError, match=re.escape(str(product))):
        written = writer()
        if written is not None:
            with written:
                pass
    assert os.readlink(product) == str(tmp_path / "disk/speech")


def test_what_other_programs_leave_in_folders_is_nobodys(tmp_path):
    folder = make_folder(tmp_path / "speech", a="made")
    for name in (".snakemake_timestamp", ".DS_Store", "Thumbs.db", ".nfs0001"):
        write(folder / name, "")
    make_folder(folder, b="again")
    assert texts(folder) == {"b.txt": "again"}


def test_an_empty_folder_and_a_new_place_are_free(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "deep/new"):
        products.check(folders=[tmp_path / name])
        assert texts(make_folder(tmp_path / name, a="made")) == {"a.txt": "made"}


def test_the_message_says_how_to_keep_an_older_versions_product(tmp_path):
    write(tmp_path / "old run/a.wav", "made by an older version")
    write(tmp_path / "metrics.csv", "made by an older version")
    with pytest.raises(UserError) as refused:
        products.check([tmp_path / "metrics.csv"], [tmp_path / "old run"])
    command = re.search("touch .*", str(refused.value)).group()
    assert os.system(command) == 0
    products.check([tmp_path / "metrics.csv"], [tmp_path / "old run"])
    assert products.changes(tmp_path / "old run") == {}


@pytest.mark.parametrize(
    ("noted", "ours"),
    [
        ('{"input": ["workflow/scripts/subset.py"]}', True),
        ('{"input": []}', True),
        ('{"input": ["workflow/scripts/subset.py", "workflow/scripts/xtts_cloning/products.py"]}', False),
        ('{"external_jobid": null}', False),
        ("", False),
        (None, False),
    ],
)
def test_what_snakemake_noted_before_there_were_records(tmp_path, monkeypatch, noted, ours):
    """Noted by a version that keeps records, but without one: somebody has put it in the place of what was made."""
    monkeypatch.chdir(tmp_path)
    write(Path("data/me/wavs/a.wav"), "sound")
    if noted is not None:
        write(Path(".snakemake/metadata", base64.urlsafe_b64encode(b"data/me/wavs").decode()), noted)
    assert products.foreign(Path("data/me/wavs")) == ([] if ours else [Path("data/me/wavs/a.wav")])
    assert products.foreign(Path("n" * 200)) == []


@pytest.mark.parametrize("way", ["file", "file of several"])
def test_a_file_that_somebody_changed_is_kept(tmp_path, capsys, way):
    product, writer = writers(tmp_path)[way]
    make_file(product, "made").write_text("corrected by hand")
    assert products.changes(product) == {product: "changed"}
    with writer() as partial:
        write(partial / product.name if partial.is_dir() else partial, "new")
    kept = list(tmp_path.glob(f".replaced/*/{product.name}"))
    assert [path.read_text() for path in kept] == ["corrected by hand"]
    assert product.read_text() == "new" and products.changes(product) == {}
    assert str(kept[0].parent) in capsys.readouterr().err


def test_what_somebody_changed_in_a_folder_is_kept_and_the_rest_replaced(tmp_path):
    folder = make_folder(tmp_path / "speech", a="made", b="made", c="made")
    (folder / "b.txt").write_text("by hand")
    (folder / "c.txt").unlink()
    assert products.changes(folder) == {folder / "b.txt": "changed", folder / "c.txt": "missing"}
    make_folder(folder, a="new")
    assert texts(folder) == {"a.txt": "new"}
    assert [path.read_text() for path in tmp_path.glob(".replaced/*/speech/*")] == ["by hand"]


def test_a_change_of_the_same_size_is_one(tmp_path):
    path = make_file(tmp_path / "history.csv", "0.123")
    path.write_text("0.999")
    os.utime(path, ns=(1, 1))
    assert products.changes(path) == {path: "changed"}


@pytest.mark.parametrize("content", ['{"a.wav": [1', "no json", "[]", '{"a.txt": 5}', '"a"'])
def test_a_damaged_record_is_said(tmp_path, content):
    folder = make_folder(tmp_path / "speech", a="made")
    (folder / products.RECORD).write_text(content)
    for look in (products.foreign, products.changes):
        with pytest.raises(UserError, match=r"\.made is damaged"):
            look(folder)


def test_a_claimed_file_is_ours_whatever_it_holds(tmp_path):
    products.claim(tmp_path / "deep/model.pth")
    write(tmp_path / "deep/model.pth", "weights")
    products.check([tmp_path / "deep/model.pth"])
    assert products.changes(tmp_path / "deep/model.pth") == {}


def test_an_output_of_the_wrong_kind_or_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    write(tmp_path / "file", "mine")
    wrong = [([tmp_path / "folder"], [], "is a folder"), ([], [tmp_path / "file"], "is a file")]
    wrong += [([tmp_path / "file/in/it"], [], "file is not a folder"), ([], [tmp_path / "file/in"], "not a folder")]
    for written, folders, said in wrong:
        with pytest.raises(UserError, match=said):
            products.check(written, folders)


def test_a_place_without_leave_to_write_is_refused(tmp_path, monkeypatch):
    """The tests may run as root, who may write everywhere: so the answer is put in."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(UserError, match="may not write"):
        products.check([tmp_path / "new/metrics.csv"])


@pytest.mark.parametrize("source", ["out", "out/clip.wav", "", "link", "linked/clip.wav", "holder"])
def test_an_input_in_or_around_the_output_is_refused(tmp_path, source):
    place = tmp_path / "work"
    write(make_folder(place / "out", a="made") / "clip.wav", "mine")
    (place / "link").symlink_to("out/clip.wav")
    (place / "linked").symlink_to("out")
    (place / "holder").mkdir()
    (place / "holder/to").symlink_to("../out")
    (place / "out" / products.RECORD).write_text("")
    with pytest.raises(UserError, match="--reference"):
        products.check(folders=[place / "out"], inputs={"--reference": place / source})
    products.check(folders=[place / "out"], inputs={"--reference": place / "elsewhere.wav", "--lines": None})


# What a kill may fall between: every change that the file system sees.
CHANGES = ("replace", "rename", "mkdir", "rmdir", "unlink")


def killed_at(number: int, write) -> bool:
    """Run `write` in a process that is gone, without any clean-up, before change `number`; False if it came through."""
    child = os.fork()
    if child == 0:
        left = iter(range(number))

        def dying(change):
            def changed(*arguments, **options):
                if next(left, None) is None:
                    os._exit(9)
                return change(*arguments, **options)

            return changed

        for name in CHANGES:
            setattr(os, name, dying(getattr(os, name)))
        try:
            write()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), "the writer failed by itself"
    return code == 9


OLD, NEW = {"a.txt": "old", "b.txt": "old"}, {"a.txt": "new", "c.txt": "new"}


@pytest.mark.parametrize("linked", [False, True], ids=["folder", "link to a folder"])
def test_a_folder_replaced_by_a_killed_process_stands_whole(tmp_path, linked):
    for number in range(100):
        place = tmp_path / str(number)
        folder = place / "disk/speech" if linked else place / "speech"
        make_folder(folder, a="old", b="old")
        if linked:
            (place / "speech").symlink_to("disk/speech")
        killed = killed_at(number, lambda place=place: make_folder(place / "speech", a="new", c="new"))
        if folder.exists():
            assert texts(folder) in (OLD, NEW)
        with pytest.raises(ZeroDivisionError), products.folder(place / "speech"):
            assert texts(folder) in (OLD, NEW), "the next writer puts the old one back before it does anything"
            raise ZeroDivisionError
        assert texts(folder) in (OLD, NEW) and products.foreign(folder) == [] and products.changes(folder) == {}
        assert os.listdir(folder.parent) == ["speech"]
        make_folder(place / "speech", d="next")
        assert texts(folder) == {"d.txt": "next"} and os.listdir(folder.parent) == ["speech"]
        if not killed:
            break
    assert not killed and 5 < number < 99


def test_several_products_replaced_by_a_killed_process_stand_whole_each(tmp_path):
    names = ["mdata.csv", "wavs"]

    def make(place: Path, text: str) -> None:
        with products.several(place, names) as partial:
            write(partial / "mdata.csv", text)
            write(partial / "wavs/a.wav", text)
            write(partial / f"wavs/{text}.wav", text)

    for number in range(100):
        place = tmp_path / str(number)
        make(place, "old")
        write(place / "notes.txt", "mine")
        killed = killed_at(number, lambda place=place: make(place, "new"))
        with pytest.raises(ZeroDivisionError), products.several(place, names):
            raise ZeroDivisionError
        for text in [set(texts(place / "wavs").values())]:
            assert text in ({"old"}, {"new"}) and len(texts(place / "wavs")) == 2
        assert (place / "mdata.csv").read_text() in ("old", "new")
        assert products.foreign(place / "mdata.csv") == products.foreign(place / "wavs") == []
        make(place, "next")
        assert {path.name for path in place.iterdir()} - {".replaced"} == {
            *("mdata.csv", ".mdata.csv.made", "wavs", "notes.txt"),
        }
        assert products.changes(place / "mdata.csv") == products.changes(place / "wavs") == {}
        if not killed:
            break
    assert not killed and 8 < number < 99


def test_a_file_written_by_a_killed_process_is_the_old_or_the_new_and_ours(tmp_path):
    for number in range(30):
        path = make_file(tmp_path / f"{number}/metrics.csv", "old")
        killed = killed_at(number, lambda path=path: make_file(path, "new"))
        assert path.read_text() in ("old", "new") and products.foreign(path) == []
        make_file(path, "next")
        assert path.read_text() == "next" and products.changes(path) == {}
        if not killed:
            break
    assert not killed and number >= 2


def test_a_first_product_of_a_killed_process_is_ours(tmp_path):
    """The workflow's own half-made files must not stop its next run."""
    for number in range(100):
        place = tmp_path / str(number)

        def make(place=place):
            make_folder(place / "speech", a="made")
            make_file(place / "metrics.csv", "made")
            with products.several(place / "data", ["wavs", "mdata.csv"]) as partial:
                write(partial / "wavs/a.wav", "made")
                write(partial / "mdata.csv", "made")

        killed = killed_at(number, make)
        make()
        assert products.changes(place / "data/wavs") == {}
        if not killed:
            break
    assert not killed
