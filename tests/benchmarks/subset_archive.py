"""The archive pass of `subset` against unpacking the archive with `tar -xjf` and reading metadata.csv.

The archive has LJSpeech's own 13,100-row metadata.csv (from LJSPEECH_ARCHIVE) and a generated clip for every row:
bursts of noise that bzip2 shrinks to three quarters, as it does LJSpeech (0.71), all as long as LJSpeech's are on
average unless `--seconds` says otherwise. Ours is the whole step, start of Python, checks and the 600 WAVs included;
the baseline only unpacks and reads the table.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow" / "scripts")]
import recordings  # noqa: E402
from hardware import processor  # noqa: E402
from xtts_cloning import config, files  # noqa: E402
from xtts_cloning.data import archives, metadata  # noqa: E402

POOL = 64  # different clips, far more than bzip2's 900 kB window holds
READ_TABLE = "import csv, sys; print(len(list(csv.reader(open(sys.argv[1]), delimiter='|', quoting=csv.QUOTE_NONE))))"

# A process begins with its parent's peak memory, so that the measured ones need a small parent.
LAUNCHER = """
import json, os, sys, time
begin = time.perf_counter()
_, status, usage = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
times = {"wall_seconds": time.perf_counter() - begin, "cpu_seconds": usage.ru_utime + usage.ru_stime}
print(json.dumps(times | {"peak_megabytes": usage.ru_maxrss * 1024 / 1e6}))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.57, help="length of each clip")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, in turn; medians are compared")
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/subset_archive.json")
    arguments = parser.parse_args()
    if "LJSPEECH_ARCHIVE" not in os.environ:
        sys.exit("error: set LJSPEECH_ARCHIVE to an LJSpeech archive, for its metadata.csv")
    with tempfile.TemporaryDirectory(prefix="subset-benchmark-") as name:
        folder = Path(name)
        archive = folder / "speech.tar.bz2"
        write_archive(archive, real_table(), arguments.seconds)
        settings = config.settings(config.load(config.DEFAULTS), "subset")
        settings["dataset"]["sha256"] = files.sha256(archive)
        runs = [(unpack(archive, folder), subset(archive, settings, folder)) for _ in range(arguments.runs)]
        result = summary(*zip(*runs, strict=True)) | {
            "runs": arguments.runs,
            "clips": 13_100,
            "clip_seconds": arguments.seconds,
            "archive_megabytes": archive.stat().st_size / 1e6,
            "device": processor(),
        }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def real_table() -> bytes:
    for member in archives.members(os.environ["LJSPEECH_ARCHIVE"]):
        if member.utterance is None:
            return member.read()
    raise AssertionError("members() has found no table and said nothing")


def write_archive(path: Path, table: bytes, seconds: float) -> None:
    pool = [recordings.clip(seconds, seed) for seed in range(POOL)]
    names = sorted(metadata.parse_ljspeech(table, "metadata.csv")[0])
    random.Random(0).shuffle(pool)
    contents = {f"LJSpeech-1.1/wavs/{name}.wav": pool[place % POOL] for place, name in enumerate(names)}
    recordings.write_tar(path, {"LJSpeech-1.1/metadata.csv": table} | contents)


def unpack(archive: Path, folder: Path) -> dict:
    target = folder / "unpacked"
    target.mkdir()
    table = target / "LJSpeech-1.1/metadata.csv"
    measured = [measure("tar", "-xjf", archive, "-C", target), measure(sys.executable, "-c", READ_TABLE, table)]
    shutil.rmtree(target)
    return {
        "wall_seconds": sum(one["wall_seconds"] for one in measured),
        "cpu_seconds": sum(one["cpu_seconds"] for one in measured),
        "peak_megabytes": max(one["peak_megabytes"] for one in measured),
    }


def subset(archive: Path, settings: dict, folder: Path) -> dict:
    vocab = recordings.write_vocab(folder)
    script = ROOT / "workflow/scripts/subset.py"
    command = [sys.executable, script, "--settings", json.dumps(settings), "--archive", archive, "--vocab", vocab]
    measured = measure(*command, "--model-config", vocab.parent / "config.json", "--output", folder / "subset")
    shutil.rmtree(folder / "subset")
    return measured


def measure(*command) -> dict:
    """Wall and CPU time of a command and the largest resident set of it and its children."""
    launched = [sys.executable, "-S", "-c", LAUNCHER, *map(str, command)]
    done = subprocess.run(launched, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def summary(baseline: tuple[dict, ...], ours: tuple[dict, ...]) -> dict:
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in (("tar_and_table", baseline), ("subset", ours))
    }
    return medians | {"times_as_fast": medians["tar_and_table"]["wall_seconds"] / medians["subset"]["wall_seconds"]}


if __name__ == "__main__":
    main()
