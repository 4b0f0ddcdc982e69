"""The driver knows of every file that the rules declare: what a rule comes to write is looked after as well."""

import re
from pathlib import Path

import pytest
from checkout import edit_config, snakemake
from xtts_cloning import config
from xtts_cloning.driver import places

HUB = {
    "dataset.archive": "https://example.org/speech.tar.bz2",
    "dataset.sha256": "0" * 64,
    "model.source": "someone/XTTS-v2",
    "model.revision": "0" * 40,
    "model.accept_cpml": True,
    "evaluation.asr": "whisper",
    "evaluation.similarity": "wavlm",
    "evaluation.other_speaker": "Ana Example",
}


def declared(shown: str, *kinds: str) -> set[Path]:
    """The files of these kinds (output, log, benchmark) of all jobs that a dry run shows."""
    lines = re.findall(rf"^ +(?:{'|'.join(kinds)}): (.+)$", shown, re.MULTILINE)
    return {Path(name.removesuffix(" (send to shell)")) for line in lines for name in line.split(", ")}


@pytest.mark.parametrize("changes", [{}, HUB], ids=["demo", "downloaded"])
def test_every_declared_output_is_known(checkout, monkeypatch, changes):
    path = edit_config(checkout, changes)
    shown = snakemake(checkout, "--dry-run", "--forceall", "all", "export", config=path).stdout
    monkeypatch.chdir(checkout)
    settings = config.load(path)
    outputs = declared(shown, "output")
    shared = {output for output in outputs if output.parts[:2] in (("data", "downloads"), ("data", "models"))}
    assert outputs - shared == set(places.made(settings))
    assert len(shared) == (7 if not changes else 9)
    written = places.written(settings)
    for file in declared(shown, "output", "log", "benchmark"):
        assert any(place in (file, *file.parents) for place in written), f"{file} lies in no place of places.written"
