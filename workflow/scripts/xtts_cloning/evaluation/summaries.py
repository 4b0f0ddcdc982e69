"""From the scores of all clips to what the tables say: means with intervals, paired differences, anchors, suspects.

Everything is a plain dict, ready for summary.json. Intervals are 95 % percentile bootstraps (scipy) with seeds of their
own, so that a further system or measure moves no other interval.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import stats

from xtts_cloning import config, files
from xtts_cloning.evaluation import measures, transcripts
from xtts_cloning.evaluation.clips import OTHER, TRUTH
from xtts_cloning.evaluation.hub_models import HUB_MODELS
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.evaluation.measures import Unmeasurable
from xtts_cloning.evaluation.scoring import Score, split_name
from xtts_cloning.model import hallucinations

BEFORE, AFTER = "zero_shot", "finetuned"
DIGITS = 6  # of every number that is written


def summarise(scores: list[Score], settings: dict) -> dict:
    """The content of summary.json: see each function below."""
    wanted = settings["evaluation"]
    spoken = [score for score in scores if score.clip.system != OTHER and score.clip.kind != "probe"]
    held_out = [score for score in spoken if score.clip.kind == "test"]
    draw = partial(interval, settings["seed"], wanted["bootstrap_samples"])
    return {
        "systems": list(dict.fromkeys(score.clip.system for score in spoken)),
        "means": {"all": means(spoken, "all", draw), "held_out": means(held_out, "held_out", draw)},
        "paired": {
            "of": f"{AFTER} minus {BEFORE}",
            "all": paired(spoken, "all", draw),
            "held_out": paired(held_out, "held_out", draw),
        },
        "anchors": anchors(scores, config.builtin_speaker(settings), draw),
        "windows": windows(scores),
        "hallucinations": suspects(scores, settings["language"]),
        "measures": {name: measure._asdict() for name, measure in MEASURES.items()},
        "settings": wanted
        | measures.SETTINGS
        | {
            "models": {key: _model(wanted[key]) for key in ("asr", "similarity")},
            "text_normalisation": transcripts.NORMALISATION,
            "intervals": f"95 % percentile bootstrap, {wanted['bootstrap_samples']} resamples of utterances",
            "suspect_if": hallucinations.DEFINITION,
        },
    }


def _model(name: str) -> str:
    """Whose weights a recogniser or an embedding has."""
    hub = HUB_MODELS.get(name)
    return f"{hub.repository} at {hub.revision}" if hub else f"{name}, from its wheel"


def interval(seed: int, samples: int, values: list[float], *names: str) -> dict | None:
    """Mean, its 95 % interval (None for a single value) and n; None without values. The names choose the seed."""
    if not values:
        return None
    low = high = None
    if len(values) > 1:
        random = np.random.default_rng(files.keyed_seed(seed, "bootstrap", *names))
        found = stats.bootstrap(
            (np.array(values),), np.mean, n_resamples=samples, method="percentile", random_state=random
        ).confidence_interval
        low, high = rounded(found.low), rounded(found.high)
    return {"mean": rounded(np.mean(values)), "low": low, "high": high, "n": len(values)}


def rounded(value: float) -> float:
    """A number as it is written: enough digits for any reader, too few for noise of the last bits."""
    return round(float(value), DIGITS)


def measured(scores: list[Score], system: str, measure: str) -> dict[str, float]:
    """The values of a system by utterance, where there are any."""
    values = {s.clip.utterance: s.scores.get(measure) for s in scores if s.clip.system == system}
    return {name: value for name, value in values.items() if isinstance(value, float)}


def means(scores: list[Score], group: str, draw: Callable) -> dict:
    """{system: {measure: {mean, low, high, n} or None}}."""
    systems = dict.fromkeys(score.clip.system for score in scores)
    return {
        system: {name: draw(list(measured(scores, system, name).values()), group, system, name) for name in MEASURES}
        for system in systems
    }


def paired(scores: list[Score], group: str, draw: Callable) -> dict:
    """{measure: {mean, low, high, n, improved} or None} of the differences over utterances that both systems have.

    improved: how many of the n changed for the better; None for measures without a better side.
    """
    result = {}
    for name, measure in MEASURES.items():
        before, after = measured(scores, BEFORE, name), measured(scores, AFTER, name)
        differences = [after[utterance] - before[utterance] for utterance in after if utterance in before]
        result[name] = draw(differences, "paired", group, name)
        if result[name]:
            sign = {"higher": 1, "lower": -1, None: None}[measure.better]
            result[name]["improved"] = sign and sum(sign * difference > 0 for difference in differences)
    return result


def anchors(scores: list[Score], builtin_speaker: str | None, draw: Callable) -> dict:
    """What speaker similarity is read against: real recordings among each other, and another speaker.

    builtin_speaker: who the other one is, if one of the model's. {ceiling, floor: {mean, low, high, n, what} or None}.
    """
    other = "recordings of another speaker"
    if builtin_speaker:
        other = f"{builtin_speaker}, a speaker that comes with the model, saying the held-out sentences zero-shot"
    texts = {
        "ceiling": (TRUTH, "held-out recordings, each against the mean embedding of the others"),
        "floor": (OTHER, f"{other}, against the mean embedding of the held-out recordings"),
    }
    found = {side: draw(list(measured(scores, system, "secs").values()), side) for side, (system, _) in texts.items()}
    return {side: found[side] and found[side] | {"what": texts[side][1]} for side in texts}


def windows(scores: list[Score]) -> dict:
    """{text's utterance: {system: {split, unsplit: [{start, end, measure: value or None, ..., missing}]}}}."""
    result: dict = {}
    for score in scores:
        if score.windows:
            name = split_name(score.clip.utterance)
            way = "unsplit" if score.clip.kind == "probe" else "split"
            result.setdefault(name, {}).setdefault(score.clip.system, {})[way] = list(map(_window, score.windows))
    return result


def _window(window: dict) -> dict:
    missing = {name: str(value) for name, value in window.items() if isinstance(value, Unmeasurable)}
    values = {name: None if name in missing else rounded(value) for name, value in window.items()}
    return values | {"missing": missing}


def suspects(scores: list[Score], language: str) -> list[dict]:
    """[{utterance, system, reasons}] of the clips that fit hallucinations.DEFINITION."""
    rates = list(measured(scores, TRUTH, "cer").values())
    usual_cer = float(np.mean(rates)) if rates else 0.0
    found = []
    for clip, seconds, values in ((score.clip, score.seconds, score.scores) for score in scores):
        cer = values.get("cer") if isinstance(values.get("cer"), float) else None
        reasons = hallucinations.reasons(clip.stopped, seconds, clip.text, language, cer, usual_cer)
        if reasons and clip.system not in (TRUTH, OTHER):
            found.append({"utterance": clip.utterance, "system": clip.system, "reasons": reasons})
    return found
