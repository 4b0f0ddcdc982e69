"""The report: it shows what the run's files hold, escapes all of it, stays small and depends on nothing else."""

import json
import re
import resource
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from zipfile import ZipFile

import pytest
import report_zip
from markupsafe import Markup
from run_tree import build, write
from xtts_cloning import config
from xtts_cloning.evaluation.measure_table import MEASURES
from xtts_cloning.model import checkpoints
from xtts_cloning.report import charts, costs, dag, provenance, scores

HOSTILE = "<script>window.hacked = 1</script> & </script><img src=x onerror=alert(1)> \"quoted\" 'it'"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A made-up run whose line01 and title are hostile, with its page."""
    root = tmp_path_factory.mktemp("run")
    build(root, text=HOSTILE, report__title=HOSTILE)
    return root


@pytest.fixture
def copy(run, tmp_path) -> Path:
    """The made-up run, to be changed."""
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def settings_of(root: Path) -> dict:
    return json.loads((root / "results/demo/provenance.json").read_text())["config"]


class Reader(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run / "results/demo/report.html").read_text(encoding="utf-8")


def test_text_is_shown_not_run(page):
    read = Reader(page)
    scripts = [attributes for tag, attributes in read.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "clips"}, {}], "the page's own two scripts and no other"
    assert not [a for _, a in read.tags for name in a if name.startswith("on")], "no handler from a text"
    text = "".join(read.text)
    assert text.count(HOSTILE) >= 3, "title, heading and transcript show the text as it was written"


def test_all_sections_in_order_with_one_heading_each(page):
    ids = [a["id"] for tag, a in Reader(page).tags if tag == "section"]
    assert ids == ["summary", "listen", "finetuning", "data", "speed", "provenance"]
    assert page.count("<h1>") == 1


def test_ids_are_unique_and_labels_point_at_them(page):
    tags = Reader(page).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:url\(#|xlink:href="#|aria-labelledby="|<a href="#)([^)"]+)', page)
    assert len(used) > 50 and set(used) <= set(ids)


def test_pictures_have_alternative_texts_and_controls_have_names(page):
    tags = Reader(page).tags
    assert all(a.get("alt") for tag, a in tags if tag == "img")
    assert all(a.get("aria-label") for tag, a in tags if tag in ("svg", "button"))
    assert sum(tag == "svg" for tag, _ in tags) >= 12


def test_nothing_is_loaded_from_elsewhere(page):
    loaded = [a["src"] for _, a in Reader(page).tags if "src" in a]
    assert loaded and all(source.startswith("data:") for source in loaded)
    assert not re.search(r"@import|url\((?!#)|<link(?! rel=\"icon\" href=\"data:,\")", page)


def test_links_to_wavs_lead_to_them(run, page):
    links = [a["href"] for tag, a in Reader(page).tags if tag == "a" and a.get("href", "").endswith(".wav")]
    assert len(links) == 2 * 11 + 4 + 1
    assert all((run / "results/demo" / link).resolve().is_file() for link in links)


ODD_NAMES = ("take#1", "what?", "b%20c", "100% é", "a b", "x;y&z=1", "‏שלום")


def test_links_lead_to_files_with_odd_names(tmp_path):
    """As a browser reads an address: # ? % mean something in it, and in a fragment % does."""
    build(tmp_path, named=ODD_NAMES, lines=1)
    tags = Reader((tmp_path / "results/demo/report.html").read_text(encoding="utf-8")).tags
    base = (tmp_path / "results/demo/report.html").as_uri()
    addresses = [urljoin(base, a["href"]) for tag, a in tags if tag == "a" and a.get("class") == "wav"]
    found = {Path(unquote(urlsplit(address).path)) for address in addresses}
    assert all(path.is_file() for path in found)
    assert {path.stem for path in found} > set(ODD_NAMES)
    ids = {a["id"] for _, a in tags if "id" in a}
    anchors = [a["href"][1:] for tag, a in tags if tag == "a" and a.get("href", "").startswith("#u-")]
    assert anchors and {unquote(anchor) for anchor in anchors} <= ids


def test_right_to_left_texts_have_their_own_direction(tmp_path):
    text = "مرحبا بالعالم"
    build(tmp_path, text=text, named=("اختبار",), report__title=text)
    page = (tmp_path / "results/demo/report.html").read_text(encoding="utf-8")
    assert f'<span dir="auto">{text}</span></h1>' in page
    assert f'<p class="text" dir="auto">{text}</p>' in page
    assert '<blockquote dir="auto">' in page and "<h4><bdi>اختبار</bdi></h4>" in page


def test_embeds_every_clip_as_mp3(page):
    clips = json.loads(re.search(r'id="clips">(.*?)</script>', page, re.DOTALL).group(1))
    assert len(clips) == 27 and {"reference/reference", "ground_truth/DEMO-0000", "finetuned/line01"} <= set(clips)


def test_states_a_stand_in_and_only_a_stand_in(copy, page):
    assert "it makes noise, not speech" in page
    (copy / "data/models/demo/config.json").write_text('{"run_description": "XTTS-v2"}')
    assert "it makes noise, not speech" not in write(copy, settings_of(copy))


@pytest.mark.parametrize("early", [False, True])
def test_methods_tell_the_steps_that_were_trained(copy, early):
    path = copy / "results/demo/finetune/summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "steps": 1450, "stopped_early": early}))
    settings = settings_of(copy)
    settings["finetune"]["max_steps"] = 2500
    text = " ".join("".join(Reader(write(copy, settings)).text).split())
    told = "1,450 (at most 2,500; stopped early) steps of" if early else "1,450 steps of"
    assert f"The GPT was fine-tuned for {told}" in text
    path.unlink()
    text = " ".join("".join(Reader(write(copy, settings)).text).split())
    assert "The GPT was fine-tuned for at most 2,500 steps of" in text


def test_same_files_same_page(run, page):
    assert write(run, settings_of(run)) == page


def test_source_figures_stand_beside_the_measured_ones(page):
    text = " ".join("".join(Reader(page).text).split())
    for words in ("about 5 s", "3.12 times real time", "550 LJSpeech clips", "no H100 ran", "no A100 ran", "48 clips"):
        assert words in text
    assert "evaluation loss 6.900 to 5.360" in text


def test_table_says_what_each_measure_is_compared_with_and_why_a_cell_is_empty(page):
    text = " ".join("".join(Reader(page).text).split())
    against = "mean embedding of the held-out recordings of other sentences"
    assert f"Speaker similarity (SECS) cosine, ↑ higher is better against: {against}" in text
    assert "Its ceiling is real recordings; its floor is another speaker." in text
    notes = re.search(r'<ol class="footnotes">(.*?)</ol>', page).group(1)
    assert re.findall("<li[^>]*>([^<]*)", notes) == ["another speaker&#39;s clips are there for the similarity alone"]
    assert page.count('href="#why-1"') == len(MEASURES) - 1
    assert text.count("needs no reference") == 4


def test_a_speaker_of_the_model_is_in_the_provenance(copy, monkeypatch):
    monkeypatch.setattr(charts, "chart", lambda *_: Markup('<svg aria-label="chart"></svg>'))
    settings = settings_of(copy)
    settings["evaluation"]["other_speaker"] = "Ana Example"
    spoken = copy / "results/demo/speech/other_speaker"
    shutil.copytree(copy / "results/demo/speech/zero_shot", spoken)
    text = write(copy, settings)
    found = json.loads((copy / "results/demo/provenance.json").read_text())
    assert found["outputs"][str(spoken)]["files"] == 11 + 3
    assert str(copy / "data/models/demo/speakers_xtts.pth") in found["inputs"]
    assert "other-speaker ran on" in text


def test_cost_only_for_the_gpu_that_ran(copy):
    timing = copy / "results/demo/finetune/timing.json"
    record = json.loads(timing.read_text())
    record |= {"device": "cuda", "gpu": "NVIDIA H100 80GB HBM3", "driver": "550.54.15", "wall_seconds": 1800}
    timing.write_text(json.dumps(record))
    text = " ".join("".join(Reader(write(copy, settings_of(copy))).text).split())
    assert "measured here, at 1.9 USD an hour (H100, report.gpu_price_per_hour)" in text and "0.95 USD" in text
    assert "NVIDIA H100 80GB HBM3, driver 550.54.15" in text
    assert "no H100 ran" not in text and "no A100 ran" in text


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", ("H100", 1.9)),
        ("NVIDIA A100-SXM4-80GB", ("A100", 1.4)),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA H1000", None),
        ("CPU", None),
    ],
)
def test_price_of_a_device(device, expected):
    assert costs.price(device, {"H100": 1.9, "A100": 1.4}) == expected


def test_speed_is_wall_over_audio_for_one_stream_and_for_the_batch(run):
    rows = {row["system"]: row for row in costs.speeds(run / "results/demo")}
    assert set(rows) == {"zero_shot", "finetuned"}
    for row in rows.values():
        assert row["single"]["rtf"] * row["single"]["times_realtime"] == pytest.approx(1)
        assert row["batched"]["rtf"] == pytest.approx(0.2)
        assert 0.5 < row["single"]["rtf"] < 0.9
        assert row["single"]["clock"] != row["batched"]["clock"]


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("results/demo/summary.json", "metrics.csv and summary.json of this run hold no measures"),
        ("results/demo/finetune/history.csv", "finetune/history.csv and summary.json are not there"),
        ("results/demo/finetune/timing.json", "<dd>not recorded</dd>"),
        ("results/demo/speech/zero_shot", "Not spoken by this system."),
        ("results/demo/page_audio", 'data-wav="speech/finetuned/test.wav"'),
        ("results/demo/logs/driver.json", "the driver left no rule graph"),
        ("results/demo/benchmarks", "there are no benchmark files"),
        ("data/demo/clips.csv", "clips.csv is not there"),
        ("data/demo/reference.json", "reference.json is not there"),
    ],
)
def test_a_missing_part_is_said_and_stops_nothing(copy, page, lost, said, monkeypatch):
    monkeypatch.setattr(charts, "chart", lambda *_: Markup('<svg aria-label="chart"></svg>'))  # seconds of CPU
    path = copy / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert said in write(copy, settings_of(copy)) and said not in page


def test_no_scores_and_no_pictures_leave_players(copy, monkeypatch):
    monkeypatch.setattr(charts, "chart", lambda *_: Markup('<svg aria-label="chart"></svg>'))
    (copy / "results/demo/metrics.csv").unlink()
    (copy / "results/demo/figures/index.json").unlink()
    text = write(copy, settings_of(copy))
    assert text.count('class="player"') == 27 and "<img" not in text
    assert set(re.findall(r'<dl class="scores"><div><dt>([^<]*)', text)) == {"RTF"}, "the clock's figure alone is left"


def test_reasons_of_missing_values_are_read():
    text = "mcd: nothing is left; once pauses are cut; f0_rmse_cents: 3 frames voiced in both clips, under 10"
    assert scores._reasons(text) == {
        "mcd": "nothing is left; once pauses are cut",
        "f0_rmse_cents": "3 frames voiced in both clips, under 10",
    }


def test_provenance_names_config_versions_and_hashes(run):
    found = json.loads((run / "results/demo/provenance.json").read_text())
    assert found["git"] == {"revision": "0123456789abcdef", "dirty": False}
    assert found["config"]["report"]["title"] == HOSTILE and found["seeds"]["config"] == 1337
    assert {"torch", "TTS", "Jinja2"} <= set(found["environment"]["packages"])
    inside = {name.split("results/demo/")[-1]: facts for name, facts in found["outputs"].items()}
    assert re.fullmatch("[0-9a-f]{64}", inside["metrics.csv"]["sha256"])
    assert inside["speech/finetuned"]["files"] == 11 + 3 and inside["finetune/model.pth"] == {"missing": True}


def test_hashes_of_gigabytes_are_taken_from_the_download_that_checked_them():
    pinned = {"source": checkpoints.PINNED[0], "revision": checkpoints.PINNED[1]}
    dataset = {"archive": "big.tar.bz2", "sha256": "ab" * 32}
    known = provenance._already_checked({"dataset": dataset, "model": pinned}, Path("big.tar.bz2"), Path("m"))
    assert known[Path("big.tar.bz2")] == "ab" * 32 and known[Path("m/model.pth")] == checkpoints.PINS["model.pth"][1]
    own = {"dataset": {**dataset, "sha256": None}, "model": {**pinned, "revision": "another"}}
    assert provenance._already_checked(own, Path("big.tar.bz2"), Path("m")) == {}


def test_rule_graph_shows_every_rule_but_all():
    svg = dag.draw([["a", "b"], ["b", "c"], ["a", "c"], ["c", "all"]])
    assert re.findall(r">(\w+)</text>", svg) == ["a", "b", "c"]
    assert svg.count('class="edge"') == 2, "a to c is implied"


def test_bundle_is_deterministic_and_its_links_work(run, tmp_path, page):
    first, second = tmp_path / "a" / "demo.zip", tmp_path / "b" / "demo.zip"
    for path in (first, second):
        report_zip.pack(run / "data/demo", run / "results/demo", path)
    assert first.read_bytes() == second.read_bytes()
    with ZipFile(first) as archive:
        archive.extractall(tmp_path)
    links = [a["href"] for tag, a in Reader(page).tags if tag == "a" and not a.get("href", "#").startswith("#")]
    assert len(links) > 25 and all((tmp_path / "demo/results/demo" / link).resolve().is_file() for link in links)


VALIDATOR = config.ROOT / ".venv/workflow/bin/python"
VALIDATE = """
import json, sys
from types import SimpleNamespace
import rdflib.plugins.shared.jsonld.context as jsonld
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

# RO-Crate's vocabulary comes with its Python library, in a version with longer names for the terms of Bioschemas, so
# that the check needs no network.
text = open(sys.argv[2]).read().replace("bioschemas.org/terms/", "bioschemas.org/")
context, read = json.loads(text), jsonld.source_to_json
answer = SimpleNamespace(status_code=200, headers={"Content-Type": "application/ld+json"}, json=lambda: context)
HttpRequester.get = lambda self, url, **_: answer
jsonld.source_to_json = lambda source, *a, **k: (context, None) if "w3id.org" in str(source) else read(source, *a, **k)
settings = services.ValidationSettings(
    rocrate_uri=sys.argv[1],
    profile_identifier="workflow-run-crate",
    requirement_severity=models.Severity.REQUIRED,
)
result = services.validate(settings)
issues = [str(issue.message) for issue in result.get_issues()]
print(json.dumps({"issues": issues, "checked": len(result.executed_checks), "skipped": len(result.skipped_checks)}))
"""


def test_crate_is_valid(run):
    import rocrate

    if (
        not VALIDATOR.exists()
        or subprocess.run([VALIDATOR, "-c", "import rocrate_validator"], capture_output=True).returncode
    ):
        pytest.skip("roc-validator is not installed in .venv/workflow")
    context = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    command = [VALIDATOR, "-c", VALIDATE, run / "results/demo", context]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert found["issues"] == [] and found["checked"] > 50 and found["skipped"] == 0


def timed(command: list, folder: Path) -> tuple[float, float]:
    """Seconds of wall clock and of CPU."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
def test_full_size_stays_small_and_a_new_title_is_quick(tmp_path, capsys):
    """550 clips, 50 held-out sentences of three systems, a model of XTTS-v2's size: under 15 MB, rewritten in 15 s."""
    settings = build(tmp_path, clips=550, tests=50, lines=16, seconds=6.6)
    with open(tmp_path / "results/demo/finetune/model.pth", "wb") as model:
        model.truncate(checkpoints.PINS["model.pth"][0])  # zeros take as long to hash as weights
    settings["report"]["title"] = "Another title"
    command = [sys.executable, config.ROOT / "workflow/scripts/report.py", "--settings", json.dumps(settings)]
    command += ["--data", "data/demo", "--results", "results/demo", "--model", "data/models/demo"]
    command += ["--output", "results/demo/report.html"]
    wall, cpu = min(timed(command, tmp_path) for _ in range(2))  # a machine that others use has slow moments
    page = (tmp_path / "results/demo/report.html").read_text(encoding="utf-8")
    with capsys.disabled():
        print(f" {len(page.encode()) / 1e6:.1f} MB in {wall:.1f} s, {cpu:.1f} s of CPU", end=" ")
    assert cpu < 15, "what it would take on a machine that does nothing else, at most"
    assert "Another title" in page and "550 clips" in page and len(page.encode()) < 15_000_000
