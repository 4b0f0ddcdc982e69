"""The chain in German and in Japanese: texts with numbers learnt and spoken through XTTS-v2's own tokenizer.

A few short clips by espeak-ng, a stand-in model, two steps: what differs between languages is the texts' way.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import recordings
from checkout import copy_checkout, edit_config, share_environments, snakemake
from make_demo_speech import wav
from xtts_cloning.demo.standin import write_standin
from xtts_cloning.model import texts

CLIPS = 8
# What is written and what it is spoken as: espeak-ng knows kana, not kanji.
TEXTS = {
    "de": [
        (f"Im Jahr {1980 + n} stand ein Haus am {n + 1}. Oktober leer, und niemand wusste, warum.", None)
        for n in range(CLIPS)
    ],
    "ja": [
        (
            f"今日は{n + 1}時に公園へ行きましょう。そこで会います。",
            "きょうはいちじにこうえんへいきましょう。そこであいます。",
        )
        for n in range(CLIPS)
    ],
}  # fmt: skip
LINES = {
    "de": "Geboren ist er im Jahr 1984.\nDas macht 3,50 €.\n",
    "ja": "1984年に生まれました。\n全部で1,400円です。\n",
}
SAID = {"de": "geboren ist er im jahr eintausendneunhundertvierundachtzig.", "ja": "sen kyuuhyaku hachijuu yon nen ni"}


@dataclass
class Run:
    language: str
    data: Path
    results: Path
    model: Path


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, hub_files) -> Path:
    """A checkout with a stand-in that has the real tokenizer."""
    folder = copy_checkout(tmp_path_factory.mktemp("languages"))
    share_environments(folder)
    (folder / "data/models/tiny").mkdir(parents=True)
    write_standin(folder / "data/models/tiny", seed=1, vocab=hub_files / "vocab.json")
    return folder


@pytest.fixture(scope="module", params=["de", "ja"])
def run(request, checkout) -> Run:
    language = request.param
    rows = [f"clip{n}|{text}|{text}\n" for n, (text, _) in enumerate(TEXTS[language])]
    clips = {f"clip{n}.wav": wav(kana or text, {"voice": language}) for n, (text, kana) in enumerate(TEXTS[language])}
    recordings.write_folder(checkout / language, recordings.layout(clips, "".join(rows).encode()))
    (checkout / f"{language}.txt").write_text(LINES[language], encoding="utf-8")
    changes = {
        "run": language,
        "speaker": language,
        "language": language,
        "dataset.archive": f"{language}/speech",
        "model.source": "data/models/tiny",
        "subset.clips": 6,
        "subset.eval_clips": 2,
        "subset.test_clips": 2,
        "reference.min_seconds": 1.0,
        "reference.max_seconds": 11.0,
        "finetune.max_steps": 2,
        "finetune.eval_interval": 2,
        "finetune.save_interval": 2,
        "synthesis.phrases": [],
        "synthesis.lines": f"{language}.txt",
        "synthesis.max_new_tokens": 24,
        "evaluation.other_speaker": None,
        "evaluation.bootstrap_samples": 100,
    }
    snakemake(checkout, config=edit_config(checkout, changes, f"config/{language}.yaml"))
    return Run(language, checkout / "data" / language, checkout / "results" / language, checkout / "data/models/tiny")


def test_every_clip_is_learnt_from_or_held_out(run):
    clips = pd.read_csv(run.data / "clips.csv")
    assert clips.split.value_counts().to_dict() == {"train": 4, "eval": 2, "test": 2}
    assert json.loads((run.results / "finetune/summary.json").read_text())["steps"] == 2


def test_numbers_are_spoken_as_the_language_says_them(run):
    tokenizer = texts.load_tokenizer(run.model / "vocab.json")
    line = LINES[run.language].split("\n")[0]
    assert texts.cleaned(tokenizer, line, run.language).startswith(SAID[run.language])
    for system in ("zero_shot", "finetuned"):
        manifest = pd.read_csv(run.results / f"speech/{system}/manifest.csv", index_col="utterance")
        assert set(manifest.kind) == {"line", "test"} and manifest.text["line01"] == line
        assert manifest.text_tokens["line01"] == len(texts.token_ids(tokenizer, line, run.language))


def test_the_page_shows_the_lines_and_no_error_rates_stand_for_them(run):
    page = (run.results / "report.html").read_text(encoding="utf-8")
    metrics = pd.read_csv(run.results / "metrics.csv")
    assert metrics.cer.isna().all() and metrics.missing.str.contains("English only").all()
    assert LINES[run.language].split("\n")[0] in page
