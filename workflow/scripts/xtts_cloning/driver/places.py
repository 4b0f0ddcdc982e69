"""Where a run writes, and what lies there: no input, and nothing that the workflow did not make.

Paths are relative to the checkout, which is the working directory of every step.
"""

from pathlib import Path

from xtts_cloning import config, products
from xtts_cloning.errors import UserError
from xtts_cloning.evaluation.hub_models import HUB_MODELS
from xtts_cloning.model import checkpoints

DEMO = ("data/downloads/demo-speech.tar.bz2", "data/downloads/demo-other-speaker", "data/models/demo")
DATA = ("mdata.csv", "mdata_train.csv", "mdata_eval.csv", "mdata_test.csv", "clips.csv", "rejected.csv", "wavs")
DATA += ("reference.wav", "reference.json")
RESULTS = tuple(
    f"finetune/{name}"
    for name in ("model.pth", "config.json", "vocab.json", "history.csv", "summary.json", "timing.json")
)
RESULTS += ("speech/zero_shot", "speech/finetuned", "page_audio", "metrics.csv", "summary.json", "figures")
RESULTS += ("report.html", "provenance.json", "ro-crate-metadata.json", "workflow", "export")


def check(settings: dict) -> str:
    """UserError where an input lies in a place that is written, or around it, or a place holds other files."""
    problems = []
    for key, source in inputs(settings).items():
        for place in written(settings):
            if not _made_here(source, place) and (how := products.overlap(source, place)):
                problems.append(
                    f"{key}: {source}: {how}, and the workflow writes and clears {place}\n"
                    "Move one of the two: recordings, models and texts belong in folders of their own, outside "
                    f"data/{settings['speaker']}/ and results/{settings['run']}/."
                )
                break
    if problems:
        raise UserError("\n".join(problems))
    products.refuse_foreign(made(settings) + _brought(settings))
    return "inputs lie apart from what is written, and nothing of yours is in its way"


def inputs(settings: dict) -> dict[str, Path]:
    """The local files and folders that a config names, by key."""
    clip, other, image = (
        settings["reference"]["clip"],
        settings["evaluation"]["other_speaker"],
        settings["compute"]["container"],
    )
    named = {
        "dataset.archive": None if config.is_url(settings["dataset"]["archive"]) else settings["dataset"]["archive"],
        "reference.clip": clip if config.is_path(clip) or Path(clip).is_file() else None,
        "model.source": None if config.is_hub_repository(settings["model"]["source"]) else settings["model"]["source"],
        "synthesis.lines": settings["synthesis"]["lines"],
        "evaluation.other_speaker": other if other and config.is_path(other) else None,
        "compute.container": None if image is None or "://" in image else image,
    }
    return {key: Path(path) for key, path in named.items() if path is not None}


def written(settings: dict) -> list[Path]:
    """Every place that a rule may write to or clear."""
    places = [Path("data", settings["speaker"]), Path("results", settings["run"]), *map(Path, DEMO)]
    places += [Path("data", kind, name) for kind in ("downloads", "models") for name in (".store", "logs")]
    places += [Path("data/models/measures"), Path("results", f"{settings['run']}-report.zip"), Path(".snakemake")]
    return places + _archive(settings) + _model(settings)


def made(settings: dict) -> list[Path]:
    """What the rules make of this config: the outputs that they declare, but for downloads."""
    data, results = Path("data", settings["speaker"]), Path("results", settings["run"])
    other = ["speech/other_speaker"] if config.builtin_speaker(settings) else []
    return [data / name for name in DATA] + [results / name for name in [*RESULTS, *other]]


def damaged(settings: dict) -> list[Path]:
    """Products that are there, but not whole or not as they were made."""
    return [product for product in made(settings) if products.changes(product)]


def _archive(settings: dict) -> list[Path]:
    """The archive that a rule downloads."""
    return [Path(config.archive_path(settings))] * config.is_url(settings["dataset"]["archive"])


def _model(settings: dict) -> list[Path]:
    """The model's files that a rule downloads."""
    folder = Path(config.model_folder(settings))
    return [folder / name for name in checkpoints.PINS] * config.is_hub_repository(settings["model"]["source"])


def _measures(settings: dict) -> list[Path]:
    """The folders of the evaluation's models that a rule downloads."""
    wanted = settings["evaluation"].values()
    return [Path("data/models/measures", name) for name in HUB_MODELS if name in wanted]


def _brought(settings: dict) -> list[Path]:
    """What stands where a rule is still going to write: the demo's, and a downloaded model of which a part is missing.

    An archive or a whole model that somebody brought by hand is used as it is; no rule replaces it.
    """
    named = {str(path) for path in inputs(settings).values()}
    demo = [Path(path) for path in DEMO[:2] if path in named]
    demo += [Path(DEMO[2], name) for name in checkpoints.MODEL_FILES] * (DEMO[2] in named)
    model = _model(settings)
    return demo + model * any(not path.exists() for path in model) + _measures(settings)


def _made_here(source: Path, place: Path) -> bool:
    """Whether an input is, as a whole, what one of the demo's rules makes."""
    return str(place) in DEMO and source.resolve() == place.resolve()
