"""Pack a run's report with everything it links to, WAVs, metrics and provenance, into one zip file to share.

The files keep their places under data/ and results/, so that the page's links work after unpacking.
"""

import argparse
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pandas
from xtts_cloning import config, errors, products
from xtts_cloning.errors import UserError

RESULTS = ["report.html", "provenance.json", "ro-crate-metadata.json", "metrics.csv", "summary.json", "workflow/**/*"]
RESULTS += ["speech/*/*", "finetune/*.csv", "finetune/summary.json", "finetune/timing.json", "benchmarks/*.tsv"]
DATA = ["reference.wav", "reference.json", "mdata*.csv", "clips.csv", "rejected.csv"]
WHEN = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can hold: the same files give the same bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="the run's config file")
    parser.add_argument("--output", type=Path, help="the zip file to write [results/<run>-report.zip]")
    arguments = parser.parse_args()
    settings = config.load(arguments.config)
    output = arguments.output or Path("results", f"{settings['run']}-report.zip")
    products.check([output])
    pack(Path("data", settings["speaker"]), Path("results", settings["run"]), output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB", file=sys.stderr)


def pack(data: Path, results: Path, output: Path) -> None:
    """Write the zip file: data/<speaker>/... and results/<run>/... under one folder of its name."""
    if not (results / "report.html").is_file():
        raise UserError(f"{results / 'report.html'} does not exist; make the report first (make report)")
    table = pandas.read_csv(data / "mdata_test.csv", sep="|")
    members = {f"results/{results.name}/{name}": path for name, path in _matching(results, RESULTS)}
    members |= {f"data/{data.name}/{name}": path for name, path in _matching(data, DATA)}
    members |= {f"data/{data.name}/{name}": data / name for name in table["audio_file"]}
    with products.file(output) as partial, ZipFile(partial, "w") as archive:
        for name, path in sorted(members.items()):
            entry = ZipInfo(f"{output.stem}/{name}", WHEN)
            entry.external_attr = 0o644 << 16
            entry.compress_type = ZIP_STORED if path.suffix == ".wav" else ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _matching(folder: Path, patterns: list[str]) -> list[tuple[str, Path]]:
    """(path relative to the folder, path) of the files that the patterns name; hidden ones are left out."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return [(str(path.relative_to(folder)), path) for path in found if not path.name.startswith(".")]


if __name__ == "__main__":
    errors.main(main)
