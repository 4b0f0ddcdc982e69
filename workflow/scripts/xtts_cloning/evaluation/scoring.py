"""Every clip with everything measured on it.

Signal measures, pocketsphinx and pictures run in worker processes (listening.py), an utterance with all its systems at
a time. Speaker embeddings and Whisper run in this process, on the GPU if it may.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from xtts_cloning import audio
from xtts_cloning.evaluation import clips, measures, speakers, transcripts
from xtts_cloning.evaluation.clips import TRUTH, Clip
from xtts_cloning.evaluation.listening import Heard, Scores, Task, listen, start_worker, warm_up
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.evaluation.measures import RATE, Unmeasurable, attempt

Words = list[transcripts.Word] | Unmeasurable


class Score(NamedTuple):
    """A clip and what was measured on it; windows hold start and end in seconds beside their scores."""

    clip: Clip
    seconds: float
    transcript: str
    scores: Scores
    windows: list[dict]
    picture: bytes | None
    description: str


def evaluate(
    spoken: list[Clip], other: list[Clip], reference: Path, settings: dict, models: dict, device: str
) -> list[Score]:
    """Measure the clips of all systems, in their order, then the other speaker's, which get their similarity alone.

    reference: the cloned clip. settings: the step's. models: folders of hub models, by evaluation key. device: theirs.
    """
    wanted, language = settings["evaluation"], settings["language"]
    hub_asr = wanted["asr"] != "pocketsphinx"
    tasks = _tasks(spoken, wanted["window_seconds"], None if hub_asr else language)
    warm_up()
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(settings["compute"]["threads"], fork, initializer=start_worker) as pool:
        results = {pool.submit(listen, task): task for task in tasks}
        voices = Voices(speakers.embedder(wanted["similarity"], models.get("similarity"), device), spoken, reference)
        recognise = transcripts.recogniser(wanted["asr"], language, models.get("asr"), device) if hub_asr else None
        found = {}
        try:
            for result in tqdm(as_completed(results), "measure", len(tasks), mininterval=2, unit="utterance"):
                task = results[result]
                for clip, heard in zip(task.clips, result.result(), strict=True):
                    words = attempt(recognise, _levelled(clip)) if recognise else heard.words
                    found[clip] = _score(clip, heard, words, voices, task.window_seconds)
        except BaseException:
            pool.shutdown(
                wait=False, cancel_futures=True
            )  # an unreadable clip, say: do not measure all the others first
            raise
    return [found[clip] for clip in spoken] + [_other(clip, voices) for clip in other]


def _tasks(spoken: list[Clip], window_seconds: float, language: str | None) -> list[Task]:
    """One for each utterance, the long ones first, so that no process ends long after the others.

    Windows are measured on the probes and on the same texts spoken sentence by sentence.
    """
    windowed = {
        name for clip in spoken if clip.kind == "probe" for name in (clip.utterance, split_name(clip.utterance))
    }
    groups: dict[str, list[Clip]] = {}
    for clip in spoken:
        groups.setdefault(clip.utterance, []).append(clip)
    tasks = [Task(group, window_seconds if name in windowed else 0, language) for name, group in groups.items()]
    return sorted(tasks, key=lambda task: -sum(clip.path.stat().st_size for clip in task.clips))


def split_name(probe: str) -> str:
    """The utterance that speaks a probe's text sentence by sentence."""
    return probe.removesuffix("_unsplit")


class Voices:
    """The embeddings that clips are compared with: held-out recordings, and the reference clip."""

    def __init__(self, embed: speakers.Embedder, spoken: list[Clip], reference: Path):
        self.embed = embed
        truths = [clip for clip in spoken if clip.system == TRUTH]
        found = {clip.utterance: attempt(embed, _levelled(clip)) for clip in truths}
        self.held_out = {name: voice for name, voice in found.items() if not isinstance(voice, Unmeasurable)}
        self.reference = attempt(embed, attempt(measures.at_level, audio.read(reference, RATE)))

    def target(self, utterance: str) -> np.ndarray | Unmeasurable:
        """The mean of the held-out recordings of other sentences, so that shared words count for nobody."""
        others = [voice for name, voice in self.held_out.items() if name != utterance]
        return speakers.centroid(others) if others else Unmeasurable("no held-out recording of another sentence")

    def scores(self, utterance: str, levelled: np.ndarray | Unmeasurable) -> Scores:
        """Similarity of a clip of the utterance to the held-out recordings and to the reference clip."""
        voice = attempt(self.embed, levelled)
        return {
            "secs": attempt(speakers.similarity, voice, self.target(utterance)),
            "secs_reference": attempt(speakers.similarity, voice, self.reference),
        }


def _levelled(clip: Clip) -> np.ndarray | Unmeasurable:
    return attempt(measures.at_level, clips.samples(clip))


def _score(clip: Clip, heard: Heard, words: Words, voices: Voices, window_seconds: float) -> Score:
    transcript = attempt(lambda spans: " ".join(word.text for word in spans), words)
    rates = attempt(transcripts.error_rates, clip.text, transcript)
    scores = voices.scores(clip.utterance, _levelled(clip))
    scores |= {"cer": attempt(itemgetter(0), rates), "wer": attempt(itemgetter(1), rates)}
    windows = _windows(clip, heard, words, voices, window_seconds) if heard.windows else []
    text = "" if isinstance(transcript, Unmeasurable) else transcript
    return Score(clip, heard.seconds, text, scores | heard.scores, windows, heard.picture, heard.description)


def _windows(clip: Clip, heard: Heard, words: Words, voices: Voices, window_seconds: float) -> list[dict]:
    """Start, end, secs, cer and the signal quality of each window."""
    edges = clips.window_edges(heard.seconds, window_seconds)
    rates = attempt(transcripts.windowed_cer, clip.text, words, edges)
    if isinstance(rates, Unmeasurable):
        rates = [rates] * len(heard.windows)
    parts = clips.cut(clips.samples(clip), edges)
    return [
        {"start": start, "end": end, "secs": voices.scores(clip.utterance, attempt(measures.at_level, part))["secs"]}
        | {"cer": rate, **quality}
        for start, end, part, rate, quality in zip(edges[:-1], edges[1:], parts, rates, heard.windows, strict=True)
    ]


def _other(clip: Clip, voices: Voices) -> Score:
    raw = clips.samples(clip)
    unasked = dict.fromkeys(MEASURES, Unmeasurable("another speaker's clips are there for the similarity alone"))
    scores = unasked | {"secs": voices.scores(clip.utterance, attempt(measures.at_level, raw))["secs"]}
    return Score(clip, len(raw) / RATE, "", scores, [], None, "")
