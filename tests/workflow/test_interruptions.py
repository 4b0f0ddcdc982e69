"""Ctrl-C, a killed job, a killed driver: the same command again simply goes on, to the same bytes."""

import http.server
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from checkout import SNAKEMAKE, contents, edit_config, environment, snakemake

DEADLINE = 240  # seconds, for anything waited for


@pytest.fixture(scope="module")
def slow_archive(tmp_path_factory):
    """URL and sha256 of a 2 MB archive whose server takes some seconds over it, and knows Range requests."""
    folder = tmp_path_factory.mktemp("server")
    with tarfile.open(folder / "speech.tar", "w") as archive:
        member = tarfile.TarInfo("speech/noise.bin")
        member.size = 2_000_000
        archive.addfile(member, io.BytesIO(os.urandom(member.size)))
    content = (folder / "speech.tar").read_bytes()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", '"one"')
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            for offset in range(start, len(content) if body else start, 50_000):
                self.wfile.write(content[offset : min(offset + 50_000, len(content))])
                time.sleep(0.1)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/speech.tar", sha256(content).hexdigest()
    server.shutdown()


def wait_for(what, condition):
    """The condition's first true value."""
    begin = time.monotonic()
    while not (value := condition()):
        assert time.monotonic() - begin < DEADLINE, f"waited {DEADLINE} s for {what}"
        time.sleep(0.1)
    return value


def processes_of(checkout: Path, script: str) -> list[int]:
    """Python processes below this checkout that run the step's script."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            here = (entry / "cwd").resolve() == checkout
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if here and len(words) > 1 and b"python" in words[0] and words[1].decode().endswith(f"/{script}.py"):
            found.append(int(entry.name))
    return found


def start(checkout: Path, config: str, target: str, log: Path) -> subprocess.Popen:
    """Snakemake in a process group of its own, as a shell starts it, so that Ctrl-C reaches all of it and not us."""
    with open(log, "w") as output:
        command = [*SNAKEMAKE, "--configfile", config, "--", target]
        return subprocess.Popen(
            command, cwd=checkout, env=environment(), stdout=output, stderr=output, start_new_session=True
        )


STEPS = {
    # step: (rule's script, its target, what shows that it is in the middle of its work)
    "download": ("download_dataset", "data/downloads/speech.tar", None),
    "subset": ("subset", "data/demo/mdata.csv", None),
    "finetune": ("finetune", "results/stopped/finetune/model.pth", "results/stopped/finetune/state-*/*"),
    "synthesize": ("synthesize", "results/stopped/speech/zero_shot", "results/stopped/speech/*zero_shot*"),
}


@pytest.mark.parametrize("how", ["ctrl-c", "job killed", "driver killed"])
@pytest.mark.parametrize("step", list(STEPS))
def test_goes_on(demo, slow_archive, tmp_path, step, how):
    script, target, sign = STEPS[step]
    checkout = demo.checkout
    url, digest = slow_archive
    changes = {
        "download": {"dataset.archive": url, "dataset.sha256": digest},
        "subset": {"speaker": "stopped"},
    }.get(step, {})
    target = target.replace("data/demo", "data/stopped")
    config = edit_config(checkout, {"run": "stopped", **changes}, "config/stopped.yaml")
    for left in [checkout / "results/stopped", checkout / "data/stopped", *checkout.glob("data/downloads/.store")]:
        shutil.rmtree(left, ignore_errors=True)
    (checkout / "data/downloads/speech.tar").unlink(missing_ok=True)

    driver = start(checkout, config, target, tmp_path / "first.log")
    job = wait_for(f"{script}.py to start", partial(processes_of, checkout, script))[0]
    if sign:
        wait_for(f"{sign} to appear", lambda: list(checkout.glob(sign)))
    else:
        time.sleep(0.7)
    if how == "ctrl-c":
        os.killpg(driver.pid, signal.SIGINT)
    elif how == "job killed":
        os.kill(job, signal.SIGKILL)
    else:
        os.kill(driver.pid, signal.SIGKILL)
    driver.wait(DEADLINE)
    assert driver.returncode != 0, "it ended well before it could be stopped"

    again = start(checkout, config, target, tmp_path / "second.log")
    while again.poll() is None:
        assert len(processes_of(checkout, script)) <= 2  # a second copy may start, and then waits for the lock
        time.sleep(0.2)
    assert again.returncode == 0, (tmp_path / "second.log").read_text()
    if step == "download":
        assert sha256((checkout / target).read_bytes()).hexdigest() == digest
    elif step == "subset":
        assert contents(checkout / "data/stopped/wavs") == contents(demo.data / "wavs")
        assert (checkout / target).read_text() == (demo.data / "mdata.csv").read_text().replace("|demo\n", "|stopped\n")
    elif step == "finetune":
        assert (checkout / target).read_bytes() == (demo.results / "finetune/model.pth").read_bytes()
    else:
        assert contents(checkout / target) == contents(demo.results / "speech/zero_shot")


def test_two_drivers_of_one_run(demo, tmp_path):
    config = edit_config(demo.checkout, {"run": "twice"}, "config/twice.yaml")
    target = "results/twice/speech/zero_shot"
    first = start(demo.checkout, config, target, tmp_path / "first.log")
    wait_for("the first driver's record", (demo.checkout / "results/twice/logs/driver.json").exists)
    second = snakemake(demo.checkout, target, config=config, check=False)
    assert second.returncode != 0
    assert "another run of 'twice' is under way" in second.stdout + second.stderr
    assert first.wait(DEADLINE) == 0, (tmp_path / "first.log").read_text()
