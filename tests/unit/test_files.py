"""Nothing half-written, nothing left behind, one writer at a time."""

import errno
import subprocess
import sys
import time

import pytest
from scripts import SCRIPTS
from xtts_cloning import files


def test_a_failed_write_leaves_what_was_good(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("good")
    with pytest.raises(ZeroDivisionError), files.atomic_path(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("table.csv", "good")]


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path):
    folder = tmp_path / "speech"
    folder.mkdir()
    (folder / "old.wav").touch()
    with files.atomic_folder(folder) as partial:
        (partial / "new.wav").touch()
        assert (folder / "old.wav").exists()
    assert [item.name for item in folder.iterdir()] == ["new.wav"]
    assert [item.name for item in tmp_path.iterdir()] == ["speech"]


def test_what_killed_processes_left_is_removed_and_what_living_ones_write_is_not(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f".speech.{dead.pid}.partial").mkdir()
    (tmp_path / f".speech.{dead.pid}.partial" / "half.wav").touch()
    (tmp_path / ".speech.1.partial").mkdir()
    with files.atomic_folder(tmp_path / "speech"):
        pass
    assert {item.name for item in tmp_path.iterdir()} == {"speech", ".speech.1.partial"}


def test_keyed_seeds_depend_on_every_part(tmp_path):
    seeds = {
        files.keyed_seed(1, "a", "b"),
        files.keyed_seed(2, "a", "b"),
        files.keyed_seed(1, "ab"),
        files.keyed_seed(1),
    }
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert files.keyed_seed(1, "a", "b") == files.keyed_seed(1, "a", "b")


def test_the_second_waits_for_the_first(tmp_path):
    program = f"""
import sys, time
sys.path.insert(0, {str(SCRIPTS)!r})
from xtts_cloning import files
with files.exclusive({str(tmp_path)!r}):
    print(time.time(), flush=True)
    time.sleep(1)
    print(time.time(), flush=True)
"""
    first = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    first.stdout.readline()
    with files.exclusive(tmp_path):
        entered = time.time()
    assert entered >= float(first.stdout.readline())
    assert first.wait() == 0


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_told_once(tmp_path, monkeypatch, capsys, number):
    def flock(file, operation):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    files._warn_without_locks.cache_clear()
    done = []
    for name in ("a", "b"):
        with files.exclusive(tmp_path / name):
            done.append(name)
    assert done == ["a", "b"]
    told = capsys.readouterr().err
    assert told.count("warning:") == 1 and "no locks (no locks here)" in told and "docs/cluster.md" in told


def test_a_lock_that_another_holds_is_not_taken_for_a_missing_one(tmp_path):
    with open(tmp_path / "lock", "w") as first, open(tmp_path / "lock", "w") as second:
        assert files.locked(first) and not files.locked(second)
