"""Downloads against a local server that breaks off, changes its mind, refuses and redirects."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from local_server import serving
from xtts_cloning.config import ROOT
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints, downloads

SCRIPTS = ROOT / "workflow" / "scripts"
MB = 1 << 20
CONTENT = random.Random(0).randbytes(6 * MB)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REPOSITORY, REVISION = "someone/XTTS-v2", "0123456789abcdef0123456789abcdef01234567"
PATH = "/LJ.tar.bz2"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.01)
    with serving() as server:
        server.files[PATH] = CONTENT
        yield server


def fetch(server, folder, sha256=SHA256):
    downloads.fetch_archive(server.url + PATH, sha256, folder / "LJ.tar.bz2")
    return (folder / "LJ.tar.bz2").read_bytes()


def test_goes_on_where_the_connection_broke(server, tmp_path):
    server.breaks = [2 * MB + 5, 3 * MB]
    assert fetch(server, tmp_path) == CONTENT
    ranges = [headers.get("Range") for headers in server.asked("GET", PATH)]
    assert ranges == [None, f"bytes={2 * MB}-", f"bytes={5 * MB}-"]
    assert server.asked("GET", PATH)[1]["If-Range"] == f'"{SHA256}"'
    assert sorted(path.name for path in (tmp_path / ".store").iterdir()) == [".lock", SHA256]


def test_starts_again_when_the_file_on_the_server_changed(server, tmp_path):
    server.files[PATH], server.tags[PATH] = b"x" * len(CONTENT), '"old"'
    server.breaks = [2 * MB] + [0] * 20
    with pytest.raises(UserError, match="without one new byte"):
        fetch(server, tmp_path)
    server.files[PATH], server.tags[PATH], server.breaks = CONTENT, '"new"', []
    assert fetch(server, tmp_path) == CONTENT
    assert server.asked("GET", PATH)[-1]["If-Range"] == '"old"'


def test_a_server_without_ranges_sends_it_all_again(server, tmp_path, monkeypatch):
    server.breaks = [2 * MB]
    monkeypatch.setattr("local_server.Handler.start", lambda self, tag: 0)
    assert fetch(server, tmp_path) == CONTENT


def test_a_whole_file_not_yet_renamed_is_taken(server, tmp_path):
    (tmp_path / ".store").mkdir()
    (tmp_path / ".store" / f"{SHA256}.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path) == CONTENT
    (tmp_path / ".store" / SHA256).rename(tmp_path / ".store" / f"{SHA256}.part")
    (tmp_path / ".store" / f"{SHA256}.part").write_bytes(CONTENT + b"too long")
    assert fetch(server, tmp_path) == CONTENT


def test_transient_refusals_are_retried_and_final_ones_are_not(server, tmp_path):
    server.statuses = [503, 429, 500]
    assert fetch(server, tmp_path) == CONTENT
    server.log.clear()
    with pytest.raises(UserError, match=r"answered 404\nThere is no such file: check dataset.archive"):
        downloads.fetch_archive(f"{server.url}/other.tar.bz2", SHA256[::-1], tmp_path / "other.tar.bz2")
    assert len(server.log) == 1


def test_gives_up_on_a_dead_server_and_keeps_what_came(server, tmp_path):
    with serving() as other:
        other.files[PATH], other.breaks = CONTENT, [4 * MB] + [0] * 50
        with pytest.raises(UserError, match=r"Tried 5 times without one new byte.*\n?.*goes on where this one stopped"):
            downloads.fetch_archive(other.url + PATH, SHA256, tmp_path / "LJ.tar.bz2")
    assert not (tmp_path / "LJ.tar.bz2").exists()
    assert (tmp_path / ".store" / f"{SHA256}.part").stat().st_size == 4 * MB
    assert fetch(server, tmp_path) == CONTENT  # another address, the same hash
    assert server.asked("GET", PATH)[0]["Range"] == f"bytes={4 * MB}-"


def test_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.01)
    with pytest.raises(UserError, match=r"could not download .*: \[Errno 111\] Connection refused\n"):
        downloads.fetch_archive("http://127.0.0.1:9/a", SHA256, tmp_path / "a")


def test_wrong_sha256_is_told_and_set_aside_and_taken_once_the_config_names_it(server, tmp_path):
    with pytest.raises(UserError) as caught:
        fetch(server, tmp_path, sha256="0" * 64)
    message = str(caught.value)
    assert f"found    {SHA256} ({len(CONTENT)} bytes)" in message and f"expected {'0' * 64}" in message
    assert "dataset.sha256" in message and str(tmp_path / ".store" / SHA256) in message
    assert not (tmp_path / "LJ.tar.bz2").exists()
    server.log.clear()
    assert fetch(server, tmp_path) == CONTENT
    assert server.log == []


def test_a_url_needs_a_sha256(server, tmp_path):
    with pytest.raises(UserError, match=r"dataset\.sha256 is null.*\n.*publisher"):
        fetch(server, tmp_path, sha256=None)
    assert server.log == []


def test_an_archive_that_snakemake_deleted_comes_back_without_the_network(server, tmp_path):
    fetch(server, tmp_path)
    output = tmp_path / "LJ.tar.bz2"
    assert output.stat().st_nlink == 2  # stored once, not twice
    output.unlink()
    server.log.clear()
    assert fetch(server, tmp_path) == CONTENT and server.log == []
    output.write_bytes(b"overwritten in place, and so in the store")
    assert fetch(server, tmp_path) == CONTENT and len(server.log) == 1


def test_no_space_left_on_the_device(server, tmp_path):
    (tmp_path / ".store").mkdir()
    (tmp_path / ".store" / f"{SHA256}.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"no space left on the device while downloading .*LJ\.tar\.bz2\nMake room"):
        fetch(server, tmp_path)
    assert not (tmp_path / "LJ.tar.bz2").exists()


def test_too_little_space_is_told_before_the_first_byte(server, tmp_path, monkeypatch):
    usage = downloads.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage._replace(free=3 * MB))
    with pytest.raises(UserError, match=r"\.store has 0\.0 GB free, but 0\.0 GB are still to come\nMake room"):
        fetch(server, tmp_path)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_the_middle_the_same_command_goes_on(server, tmp_path, stop):
    server.seconds_per_chunk = 0.02
    settings = json.dumps({"dataset": {"archive": server.url + PATH, "sha256": SHA256}})
    output = tmp_path / "LJ.tar.bz2"
    command = [sys.executable, str(SCRIPTS / "download_dataset.py"), "--settings", settings, "--output", str(output)]
    partial = tmp_path / ".store" / f"{SHA256}.part"
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: partial.exists() and partial.stat().st_size >= MB)
    first.send_signal(stop)
    _, told = first.communicate(timeout=20)
    assert first.returncode == (-9 if stop == signal.SIGKILL else 130) and not output.exists()
    assert stop == signal.SIGKILL or "run the same command again to go on" in told
    held = partial.stat().st_size
    assert MB <= held < len(CONTENT)

    server.seconds_per_chunk = 0
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert output.read_bytes() == CONTENT
    assert server.asked("GET", PATH)[-1]["Range"] == f"bytes={held}-"
    assert "LJ.tar.bz2" in done.stderr and "100%" in done.stderr  # progress, also where nobody looks


def test_a_second_copy_waits_for_the_first_and_takes_its_file(server, tmp_path):
    server.seconds_per_chunk = 0.01
    first = threading.Thread(target=fetch, args=(server, tmp_path))
    first.start()
    wait_until(lambda: server.asked("GET", PATH))
    assert fetch(server, tmp_path) == CONTENT
    first.join()
    assert len(server.asked("GET", PATH)) == 1


# The hub, through huggingface_hub in a process of its own, as it reads its environment on import.


MODEL_SETTINGS = json.dumps({"model": {"source": REPOSITORY, "revision": REVISION}})
MODEL_COMMAND = [sys.executable, str(SCRIPTS / "download_model.py"), "--settings", MODEL_SETTINGS]


@pytest.fixture
def hub(server):
    rng = random.Random(1)
    contents = {name: rng.randbytes(3 * MB if name == "model.pth" else 5000) for name in downloads.MODEL_FILES}
    for name, content in contents.items():
        server.add_hub_file(REPOSITORY, REVISION, name, content, large=name.endswith(".pth"))
    server.contents = contents
    return server


def download_model(server, folder, *arguments, **environment):
    """Run the CLI with an empty home; its output is folder/XTTS-v2."""
    (folder / "home").mkdir(exist_ok=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "COQUI", "XDG"))}
    environment = {**clean, "HOME": str(folder / "home"), "HF_ENDPOINT": server.url, **environment}
    command = [*MODEL_COMMAND, "--output", str(folder / "XTTS-v2"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_hub_files_come_through_redirects_and_broken_connections(hub, tmp_path):
    hub.breaks = [5000] * 5 + [MB + 7]  # the sixth file is model.pth
    done = download_model(hub, tmp_path, "--accept-cpml", HF_TOKEN="hf_secret")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "XTTS-v2").glob("[!.]*")} == hub.contents
    assert [headers.get("Range") for headers in hub.asked("GET", "/elsewhere/model.pth")] == [None, f"bytes={MB}-"]
    asked = hub.asked("HEAD", f"/{REPOSITORY}/resolve/{REVISION}/config.json")
    assert asked and all(headers["Authorization"] == "Bearer hf_secret" for headers in asked)
    assert not any(headers["Authorization"] for headers in hub.asked("GET", "/elsewhere/model.pth"))
    assert "model.pth" in done.stderr and "100%" in done.stderr
    assert list((tmp_path / "home").rglob("*")) == [], "nothing may be written outside the checkout"

    hub.log.clear()
    for path in (tmp_path / "XTTS-v2").iterdir():
        os.utime(path)  # as Snakemake does with what a job wrote
    (tmp_path / "XTTS-v2" / "model.pth").unlink()
    assert download_model(hub, tmp_path, "--accept-cpml").returncode == 0
    assert (tmp_path / "XTTS-v2" / "model.pth").read_bytes() == hub.contents["model.pth"]
    assert not [path for method, path, _ in hub.log if method == "GET"]


def test_a_transfer_that_is_not_installed_is_not_used(hub, tmp_path):
    """Images for the hub set this; with it huggingface_hub asks for a package that is not in the lock."""
    done = download_model(hub, tmp_path, "--accept-cpml", HF_HUB_ENABLE_HF_TRANSFER="1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "XTTS-v2" / "model.pth").read_bytes() == hub.contents["model.pth"]


def test_hub_download_killed_goes_on(hub, tmp_path):
    hub.seconds_per_chunk = 0.05
    command = [*MODEL_COMMAND, "--output", str(tmp_path / "XTTS-v2"), "--accept-cpml"]
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HOME": str(tmp_path)}
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    incomplete = lambda: sum(path.stat().st_size for path in tmp_path.rglob("*.incomplete"))  # noqa: E731
    wait_until(lambda: incomplete() >= MB)
    first.kill()
    first.wait()
    held = incomplete()
    hub.seconds_per_chunk = 0
    subprocess.run(command, check=True, timeout=60, capture_output=True, env=environment)
    assert (tmp_path / "XTTS-v2" / "model.pth").read_bytes() == hub.contents["model.pth"]
    assert hub.asked("GET", "/elsewhere/model.pth")[-1]["Range"] == f"bytes={held}-"


def test_the_users_own_cache_is_read(hub, tmp_path):
    snapshot = tmp_path / "cache" / "hub" / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    for name, content in hub.contents.items():
        (snapshot / name).write_bytes(content)
    done = download_model(hub, tmp_path, HF_HOME=str(tmp_path / "cache"), COQUI_TOS_AGREED="1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "XTTS-v2" / "model.pth").read_bytes() == hub.contents["model.pth"]
    assert not [path for method, path, _ in hub.log if method == "GET"]


def test_hub_file_with_other_content_is_set_aside(hub, tmp_path):
    damaged = bytes(reversed(hub.contents["model.pth"]))
    hub.files["/elsewhere/model.pth"] = damaged
    done = download_model(hub, tmp_path, "--accept-cpml")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    expected = hashlib.sha256(hub.contents["model.pth"]).hexdigest()
    assert f"found    {hashlib.sha256(damaged).hexdigest()}" in done.stderr and f"expected {expected}" in done.stderr
    assert not (tmp_path / "XTTS-v2").exists()
    assert [path.read_bytes() for path in tmp_path.rglob("model.pth.wrong")] == [damaged]
    hub.files["/elsewhere/model.pth"] = hub.contents["model.pth"]
    assert download_model(hub, tmp_path, "--accept-cpml").returncode == 0


def test_pinned_revision_is_held_to_the_pins(server, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "PINNED", (REPOSITORY, REVISION))
    content = b"{}" * 1000
    server.add_hub_file(REPOSITORY, REVISION, "config.json", content, large=False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    with pytest.raises(UserError, match=r"config\.json of the model .*\n.*\(2000 bytes\)\n.*ef262b.*\(4368 bytes\)"):
        downloads.fetch_model_files(REPOSITORY, REVISION, ("config.json",), tmp_path)
    monkeypatch.setattr(checkpoints, "PINS", {"config.json": (2000, hashlib.sha256(content).hexdigest())})
    folder = downloads.fetch_model_files(REPOSITORY, REVISION, ("config.json",), tmp_path)
    assert (folder / "config.json").read_bytes() == content
    server.log.clear()
    downloads.fetch_model_files(REPOSITORY, REVISION, ("config.json",), tmp_path)
    assert server.log == []  # what is here and right needs no network


@pytest.mark.parametrize(
    ("environment", "status", "told"),
    [({}, 401, "HF_TOKEN"), ({}, 403, "accept the repository's terms"), ({"HF_HUB_OFFLINE": "1"}, 0, "HF_HUB_OFFLINE")],
)
def test_the_hubs_refusals_say_what_to_do(hub, tmp_path, environment, status, told):
    hub.statuses = [status] * 3
    done = download_model(hub, tmp_path, "--accept-cpml", **environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert told in done.stderr


def test_licence_must_be_accepted(hub, tmp_path):
    done = download_model(hub, tmp_path)
    assert done.returncode == 1 and hub.log == []
    assert "https://coqui.ai/cpml.txt" in done.stderr and "model.accept_cpml: true" in done.stderr


def test_real_files_have_the_pinned_hashes(hub_files):
    for name in ("config.json", "vocab.json"):
        content = (hub_files / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == checkpoints.PINS[name]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
