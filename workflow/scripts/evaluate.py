"""Measure the speech of all systems against the held-out recordings: metrics, their summary, a picture of each clip."""

import argparse
import json
from pathlib import Path

import pandas as pd
from xtts_cloning import compute, config, errors, products
from xtts_cloning.evaluation import clips
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.evaluation.measures import Unmeasurable
from xtts_cloning.evaluation.scoring import Score, evaluate
from xtts_cloning.evaluation.summaries import rounded, summarise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--data", required=True, type=Path, help="folder with mdata_test.csv: the held-out recordings")
    parser.add_argument(
        "--speech", required=True, type=Path, nargs="+", help="one folder a system, as synthesize writes"
    )
    parser.add_argument("--reference", required=True, type=Path, help="the clip that was cloned")
    parser.add_argument("--other-speaker", type=Path, help="file or folder with another voice: the similarity's floor")
    parser.add_argument("--asr-model", type=Path, help="folder of the recogniser, for evaluation.asr: whisper")
    parser.add_argument("--similarity-model", type=Path, help="folder of the model, for evaluation.similarity: wavlm")
    parser.add_argument(
        "--metrics", required=True, type=Path, help="table to write, a row for each utterance and system"
    )
    parser.add_argument("--summary", required=True, type=Path, help="JSON to write: means, differences, anchors, ...")
    parser.add_argument("--figures", required=True, type=Path, help="folder to write the pictures to")
    arguments = parser.parse_args()

    inputs = {"--data": arguments.data, "--reference": arguments.reference, "--other-speaker": arguments.other_speaker}
    inputs |= {f"--speech ({number})": folder for number, folder in enumerate(arguments.speech, 1)}
    products.check([arguments.metrics, arguments.summary], [arguments.figures], inputs)
    settings = config.read_settings(arguments.settings, "evaluate")
    models = {"asr": arguments.asr_model, "similarity": arguments.similarity_model}
    check_models(settings["evaluation"], models)
    # The hub models run here, and may use all threads; the others leave the cores to the worker processes.
    device = compute.prepare(settings["compute"] if any(models.values()) else settings["compute"] | {"threads": 1}).type

    recorded = clips.recorded(arguments.data / "mdata_test.csv")
    spoken = recorded + [clip for folder in arguments.speech for clip in clips.spoken(folder)]
    other = clips.another_speakers(arguments.other_speaker, len(recorded)) if arguments.other_speaker else []
    scores = evaluate(spoken, other, arguments.reference, settings, models, device)

    write_figures(scores, arguments.figures)
    with products.file(arguments.metrics) as path:
        table(scores).to_csv(path, index=False, lineterminator="\n")
    with products.file(arguments.summary) as path:
        path.write_text(json.dumps(summarise(scores, settings), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check_models(wanted: dict, models: dict) -> None:
    """UserError if a hub model that the config asks for was not given."""
    offline = {"asr": "pocketsphinx", "similarity": "resemblyzer"}
    for key, folder in models.items():
        if wanted[key] != offline[key] and not (folder and folder.is_dir()):
            raise errors.UserError(
                f"evaluation.{key} is {wanted[key]}, but --{key}-model {folder or ''} is no folder; "
                f"download_measure_model.py fetches it, or set evaluation.{key} to {offline[key]}"
            )


def table(scores: list[Score]) -> pd.DataFrame:
    """One row a clip: what it is, what was heard, a column a measure, and why those that are empty are so."""
    return pd.DataFrame(map(row, scores))


def row(score: Score) -> dict:
    """One clip as a row of the table."""
    clip = score.clip
    missing = {name: str(value) for name, value in score.scores.items() if isinstance(value, Unmeasurable)}
    values = {name: rounded(value) for name, value in score.scores.items() if name not in missing}
    named = {"utterance": clip.utterance, "system": clip.system, "kind": clip.kind, "text": clip.text}
    return (
        named
        | {"seconds": rounded(score.seconds), "transcript": score.transcript}
        | {name: values.get(name) for name in MEASURES}
        | {"missing": "; ".join(f"{name}: {reason}" for name, reason in missing.items())}
    )


def write_figures(scores: list[Score], folder: Path) -> None:
    """folder/<system>/<utterance>.webp, and index.json: [{utterance, system, file, alt}]."""
    pictured = [score for score in scores if score.picture]
    index = []
    with products.folder(folder) as partial:
        for score in pictured:
            file = f"{score.clip.system}/{score.clip.utterance}.webp"
            (partial / score.clip.system).mkdir(exist_ok=True)
            (partial / file).write_bytes(score.picture)
            named = {"utterance": score.clip.utterance, "system": score.clip.system}
            index.append(named | {"file": file, "alt": score.description})
        text = json.dumps(index, indent=2, ensure_ascii=False)
        (partial / "index.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    errors.main(main)
