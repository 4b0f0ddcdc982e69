"""What all tests share: given real input, a stand-in model, spoken clips, and the list of what could not run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import copy_checkout, share_environments
from scripts import run_script

ROOT = Path(__file__).resolve().parents[1]

# Before anything imports torch: on a busy machine, threads that spin while they wait cost ten times the work itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# `make` that a test runs is a user's, not a part of the `make test` that runs the tests.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "HF_HOME", "HF_TOKEN_PATH", "XDG_CACHE_HOME", "PYTHONUTF8"):
    os.environ.pop(name, None)

# A shell lets what it runs in the background ignore Ctrl-C, and its children with it; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


REAL_INPUT = ("LJSPEECH_ARCHIVE", "XTTS_HUB_FILES", "OTHER_SPEAKER_AUDIO", "ASR_MODEL")
_used: set[str] = set()


def _given(variable: str, what: str) -> Path:
    _used.add(variable)
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: {what}")
    path = Path(value)
    assert path.exists(), f"{variable}={value} does not exist"
    return path.resolve()


@pytest.fixture(scope="session")
def ljspeech_archive() -> Path:
    """A real LJSpeech archive."""
    return _given("LJSPEECH_ARCHIVE", "an LJSpeech archive for the tests on real recordings")


@pytest.fixture(scope="session")
def hub_files() -> Path:
    """A folder with the real config.json and vocab.json of XTTS-v2."""
    return _given("XTTS_HUB_FILES", "a folder with XTTS-v2's config.json and vocab.json")


@pytest.fixture(scope="session")
def other_speaker() -> Path:
    """A folder with real clips of another person."""
    return _given("OTHER_SPEAKER_AUDIO", "a folder with clips of a person who is not the LJSpeech reader")


@pytest.fixture(scope="session")
def asr_model() -> Path:
    """A folder with a small Whisper for English, converted for CTranslate2."""
    return _given("ASR_MODEL", "a folder with a Whisper model converted for CTranslate2 that knows English")


@pytest.fixture(scope="session")
def standin(tmp_path_factory) -> Path:
    """A small random-weight XTTS-v2 in the hub's layout; read only."""
    folder = tmp_path_factory.mktemp("model") / "standin"
    run_script("make_demo_model.py", "--settings", '{"seed": 1}', "--output", folder)
    return folder


@pytest.fixture(scope="session")
def demo_speech(tmp_path_factory) -> Path:
    """A folder with demo-speech.tar.bz2 (60 spoken clips in LJSpeech layout) and other/ (a second voice)."""
    folder = tmp_path_factory.mktemp("speech")
    archive, other = folder / "demo-speech.tar.bz2", folder / "other"
    run_script("make_demo_speech.py", "--archive", archive, "--other-speaker", other)
    return folder


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A clean checkout with this one's environments, in which nothing has run yet."""
    folder = copy_checkout(tmp_path_factory.mktemp("checkout"))
    share_environments(folder)
    return folder


@dataclass
class Demo:
    """A checkout in which `make demo` has run."""

    checkout: Path
    log: str
    wall_seconds: float

    @property
    def results(self) -> Path:
        return self.checkout / "results/demo"

    @property
    def data(self) -> Path:
        return self.checkout / "data/demo"


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Demo:
    """One run of `make demo` in a clean checkout, shared by every test that looks at its results."""
    folder = copy_checkout(tmp_path_factory.mktemp("demo"))
    share_environments(folder)
    begin = time.monotonic()
    done = subprocess.run(
        ["make", "demo", "ENV=venv"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return Demo(folder, done.stdout, time.monotonic() - begin)


def pytest_collection_modifyitems(items) -> None:
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            for item in items:
                if item.get_closest_marker("gpu"):
                    item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU on this machine"))


def pytest_terminal_summary(terminalreporter) -> None:
    """List by name what this machine could not run, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("not run on this machine")
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


def pytest_sessionfinish(session) -> None:
    """A run of the whole suite that was given real input and did not use it has failed."""
    whole = session.config.args == session.config.getini("testpaths") and not session.config.option.keyword
    unused = [name for name in REAL_INPUT if os.environ.get(name) and name not in _used]
    if whole and unused:
        print(f"\ngiven but used by no test: {', '.join(unused)}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
