"""What preflight says about configs that cannot run, and about one that can."""

import copy
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import builtin_voices
import pytest
import soundfile
import yaml
from local_server import serving
from xtts_cloning import config, machine
from xtts_cloning.driver import machine_checks, needs, preflight, remote
from xtts_cloning.errors import UserError
from xtts_cloning.model import checkpoints

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Where data/ and results/ will be; no GPU, no licence accepted, and nobody's tokens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in [name for name in os.environ if name.startswith(("HF_", "COQUI", "CUDA_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "lines.txt").write_text("A line to speak.\n")


@pytest.fixture
def settings(standin, tmp_path):
    """A config that runs here: the stand-in, a folder of recordings, a CPU."""
    (tmp_path / "recordings" / "wavs").mkdir(parents=True)
    (tmp_path / "recordings" / "metadata.csv").write_text("a|A text.|A text.\n")
    settings = config.load(config.ROOT / "config" / "demo.yaml")
    settings["dataset"]["archive"] = str(tmp_path / "recordings")
    settings["model"]["source"] = str(standin)
    settings["synthesis"] = {**settings["synthesis"], "lines": "lines.txt"}
    settings["synthesis"]["phrases"] = [{"id": "short", "text": "Hello."}]
    settings["evaluation"]["other_speaker"] = None
    return copy.deepcopy(settings)


@pytest.fixture
def hub(settings, standin, monkeypatch):
    """The stand-in's files on a local hub, named in the config and licensed; nothing of it here yet."""
    with serving() as server:
        for name in ("model.pth", "config.json", "vocab.json"):
            content = (standin / name).read_bytes() if name != "model.pth" else b"large"
            server.add_hub_file("someone/XTTS-v2", REVISION, name, content, large=name == "model.pth")
        for module in ("constants", "file_download"):
            template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
            monkeypatch.setattr(f"huggingface_hub.{module}.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        settings["model"] = {"source": "someone/XTTS-v2", "revision": REVISION, "accept_cpml": True}
        yield server


def results(settings, gpu=True):
    return {result.name: result for result in preflight.run(settings, gpu)}


def failed(settings, gpu=True):
    return {result.name: result.text for result in preflight.run(settings, gpu) if result.status == "failed"}


def test_a_config_that_can_run_passes(settings):
    found = results(settings)
    assert {result.status for result in found.values()} == {"ok"}, found
    assert found["texts"].text.startswith("2 texts, 2 sentences")
    assert "fit the weights" in found["model"].text


def test_every_failed_check_is_told_at_once(settings, tmp_path):
    settings["dataset"]["archive"] = "nowhere.tar.bz2"
    settings["model"]["source"] = "no/such/folder"
    settings["synthesis"]["lines"] = "nolines.txt"
    settings["reference"]["clip"] = "voice.wav"
    settings["evaluation"]["other_speaker"] = "./nobody"
    settings["finetune"]["precision"] = "fp16"
    told = failed(settings)
    assert set(told) == {"dataset", "model", "texts", "audio files", "GPU"}
    assert told["dataset"].startswith("dataset.archive: nowhere.tar.bz2 does not exist\nCorrect the path")
    assert told["model"].startswith("model.source: no/such/folder does not exist\n")
    assert "nolines.txt does not exist" in told["texts"]
    assert told["audio files"].startswith("reference.clip: voice.wav does not exist\n")
    assert "compute.device is cpu\nSet finetune.precision: auto" in told["GPU"]


def test_command_line(settings, tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, str(config.ROOT / "workflow/scripts/preflight.py"), "--config", "mine.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ok     dataset: " in done.stderr and "FAILED" not in done.stderr
    settings["finetune"]["precision"] = "fp16"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "FAILED GPU: finetune.precision is fp16" in done.stderr and "error: 1 of the checks" in done.stderr
    assert subprocess.run([*command, "--no-gpu-check"], capture_output=True).returncode == 0
    (tmp_path / "mine.yaml").write_text("finetune: {max_stepps: 3}\n")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "max_stepps" in done.stderr and "Traceback" not in done.stderr


def test_nothing_heavy_is_imported():
    code = (
        f"import sys; sys.path.insert(0, {str(config.ROOT / 'workflow/scripts')!r}); "
        "from xtts_cloning.driver import preflight; "
        "print(sorted({'torch', 'TTS.tts.models', 'transformers', 'librosa', 'spacy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_what_the_workflow_makes_itself_is_a_note(settings):
    settings["dataset"]["archive"] = "data/downloads/demo-speech.tar.bz2"
    settings["model"]["source"] = "data/models/demo"
    settings["evaluation"]["other_speaker"] = "data/downloads/demo-other-speaker"
    found = results(settings)
    assert {name for name, result in found.items() if result.status == "note"} == {
        "dataset",
        "model",
        "texts",
        "audio files",
    }
    assert not [result for result in found.values() if result.status == "failed"]
    assert "fine-tuning" not in found["disk space"].text  # a model not yet made is not taken for a big one


# dataset


def test_local_archive_against_its_sha256(settings, tmp_path):
    archive = tmp_path / "mine.tar"
    archive.write_bytes(b"archive")
    settings["dataset"] = {"archive": str(archive), "sha256": hashlib.sha256(b"archive").hexdigest()}
    assert "dataset" not in failed(settings)
    settings["dataset"]["sha256"] = "0" * 64
    assert f"found    {hashlib.sha256(b'archive').hexdigest()}\n  expected {'0' * 64}" in failed(settings)["dataset"]


def test_url_without_sha256_and_url_that_does_not_answer(settings, hub):
    hub.files["/a.tar"] = b"x" * 1000
    settings["dataset"] = {"archive": f"{hub.url}/a.tar", "sha256": None}
    assert "dataset.sha256 is null" in failed(settings)["dataset"]
    settings["dataset"]["sha256"] = "0" * 64
    assert results(settings)["dataset"].text == f"to be downloaded from {hub.url}/a.tar, 0.00 GB"
    settings["dataset"]["archive"] = f"{hub.url}/b.tar"
    assert "b.tar: the server answers 404\ndataset.archive: check the address" in failed(settings)["dataset"]
    settings["dataset"]["archive"] = "http://127.0.0.1:9/a.tar"
    assert "cannot be reached (ConnectionError)\nCheck the network" in failed(settings)["dataset"]


def test_folder_without_metadata(settings, tmp_path):
    (tmp_path / "recordings" / "metadata.csv").unlink()
    assert "no metadata.csv in" in failed(settings)["dataset"]


# model, licence, texts


def test_hub_model_is_asked_for_and_its_small_files_are_checked(settings, hub, tmp_path):
    found = results(settings)
    assert found["licence"].text == "accepted"
    assert found["model"].text == f"to be downloaded: someone/XTTS-v2 at {REVISION}"
    assert found["texts"].status == "ok"
    assert not hub.asked("GET", "/elsewhere/model.pth")
    settings["language"] = "hi"
    assert "language" in failed(settings)["texts"]
    settings["language"] = "en"
    settings["synthesis"]["phrases"][0] = {"id": "long", "text": "word " * 150, "probe": True}
    told = failed(settings)["texts"]
    assert "synthesis.phrases, 'long', in one piece" in told and "at most 400" in told
    gets = len([method for method, _, _ in hub.log if method == "GET"])
    assert gets == 2  # fetched once, then kept for the download


def test_licence_comes_before_any_file_of_the_model(settings, hub):
    settings["model"]["accept_cpml"] = False
    found = results(settings)
    assert "https://coqui.ai/cpml.txt" in found["licence"].text and found["licence"].status == "failed"
    assert found["texts"].status == "note"
    assert not [method for method, _, _ in hub.log if method == "GET"]


def test_licence_by_environment_variable(settings, hub, monkeypatch):
    settings["model"]["accept_cpml"] = False
    monkeypatch.setenv("COQUI_TOS_AGREED", "1")
    assert results(settings)["licence"].text == "accepted"
    monkeypatch.setenv("COQUI_TOS_AGREED", "0")
    assert "licence" in failed(settings)


def test_hub_that_refuses_or_is_away(settings, hub, monkeypatch):
    settings["model"]["revision"] = REVISION[::-1]
    told = failed(settings)
    assert "the server answers 404\nmodel.source, model.revision: check them" in told["model"]
    assert "the server answers 404" in told["texts"]
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    told = failed(settings)
    assert "cannot be reached" in told["model"] and "HF_ENDPOINT" in told["model"]
    settings["model"]["revision"] = None
    assert failed(settings)["model"].startswith("model.revision is null\n")


def test_model_folder_with_missing_or_foreign_files(settings, standin, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(standin, folder)
    settings["model"]["source"] = str(folder)
    content = json.loads((folder / "config.json").read_text())
    content["model_args"]["gpt_layers"] = 30
    (folder / "config.json").write_text(json.dumps(content))
    assert "gpt_layers: 2 in the weights, 30 by the config" in failed(settings)["model"]
    (folder / "model.pth").write_bytes((folder / "model.pth").read_bytes()[:100_000])
    assert "model.pth is not a readable checkpoint" in failed(settings)["model"]
    (folder / "model.pth").unlink()
    (folder / "dvae.pth").unlink()
    assert "lacks model.pth, dvae.pth" in failed(settings)["model"]


def test_dvae_of_another_model(settings, standin, tmp_path):
    folder = shutil.copytree(standin, tmp_path / "other_dvae")
    settings["model"]["source"] = str(folder)
    shutil.copy(folder / "model.pth", folder / "dvae.pth")
    told = failed(settings)["model"]
    assert "dvae.pth does not hold" in told and "codebook.embed: missing, expected (512, 1024)" in told


def test_loader_workers_of_an_older_config_are_refused_by_name(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("finetune: {num_loader_workers: 8}")
    with pytest.raises(UserError, match=r"finetune\.num_loader_workers: there is no such key; .* take it out"):
        config.load(path)


def test_pinned_model_file_of_the_wrong_size(settings, standin, tmp_path):
    settings["model"] = {"source": checkpoints.PINNED[0], "revision": checkpoints.PINNED[1], "accept_cpml": True}
    shutil.copytree(standin, tmp_path / "data" / "models" / "XTTS-v2")
    told = failed(settings)["model"]
    found = (standin / "model.pth").stat().st_size
    assert f"data/models/XTTS-v2/model.pth has {found} bytes, expected 1867929118\nDelete it" in told


def test_real_tokenizer_and_config(settings, hub_files, tmp_path):
    """The full reproduction's texts against the real files, as if the model's download had just begun."""
    settings["model"] = {"source": checkpoints.PINNED[0], "revision": checkpoints.PINNED[1], "accept_cpml": True}
    folder = tmp_path / "data" / "models" / "XTTS-v2"
    folder.mkdir(parents=True)
    for name in ("config.json", "vocab.json"):
        shutil.copy(hub_files / name, folder / name)
    full = config.load(config.ROOT / "config" / "config.yaml")
    settings["synthesis"] = {**full["synthesis"], "lines": str(config.ROOT / "config" / "lines.txt")}
    assert results(settings)["texts"].status == "ok"
    settings["synthesis"]["phrases"] = [{"id": "snow", "text": "A ☃ here"}]
    assert "☃" in failed(settings)["texts"]


# texts in the language of the config

GERMAN = "Es war spät, und die Kinder waren schon nach Hause gegangen, als ich mit ihm aus der Stadt kam."


@pytest.fixture
def german(settings, hub_files, standin, tmp_path):
    """A config that runs in German; of the model only what the texts need."""
    settings["model"]["source"] = str(tmp_path / "model")
    (tmp_path / "model").mkdir()
    for name in ("config.json", "vocab.json"):
        shutil.copy(hub_files / name, tmp_path / "model" / name)
    settings["language"] = "de"
    settings["synthesis"]["phrases"] = [{"id": "year", "text": "Geboren ist er im Jahr 1984."}]
    (tmp_path / "lines.txt").write_text(f"{GERMAN}\nDas macht 3,50 €.\n")
    (tmp_path / "recordings" / "metadata.csv").write_text(f"a|{GERMAN}|{GERMAN}\n")
    return settings


def test_what_is_said_of_digits_and_symbols_is_shown(german):
    found = results(german)["texts"]
    assert found.status == "ok"
    assert found.text.split("\n")[1:] == [
        "year: Geboren ist er im Jahr 1984.",
        "  is said: geboren ist er im jahr eintausendneunhundertvierundachtzig.",
        "line02: Das macht 3,50 €.",
        "  is said: das macht drei Euro und fünfzig Cent.",
    ]


def test_texts_in_another_language_are_noted(german, tmp_path):
    english = "It was late and the children had already gone home when I came back from the town with him."
    (tmp_path / "lines.txt").write_text(english)
    (tmp_path / "recordings" / "metadata.csv").write_text(f"a|{english}|{english}\n")
    found = results(german)
    assert (found["texts"].status, found["dataset"].status) == ("note", "note")
    assert found["texts"].text.endswith("synthesis.phrases, synthesis.lines: reads as 'en', but language is 'de'")
    assert found["dataset"].text.endswith("dataset.archive: reads as 'en', but language is 'de'")


def test_the_english_defaults_must_be_replaced_in_another_language(german):
    shipped = config.load(config.DEFAULTS)["synthesis"]
    german["synthesis"] |= {"phrases": shipped["phrases"], "lines": shipped["lines"]}
    told = failed(german)["texts"]
    assert told.startswith("language is de, but synthesis.phrases and synthesis.lines are the English ones")
    german["synthesis"] |= {"phrases": [], "lines": "lines.txt"}
    assert results(german)["texts"].status == "ok"


def test_no_error_rates_in_another_language_without_whisper_is_noted(german):
    found = results(german)["measures"]
    assert found.status == "note" and "pocketsphinx knows English only" in found.text


def test_a_table_that_holds_no_transcripts_fails_at_once(settings, tmp_path):
    rows = "".join(f"clip{n}|sentence number {n}|anna\n" for n in range(12))
    (tmp_path / "recordings" / "metadata.csv").write_text(rows)
    assert "'anna' is the normalized transcript (third column) of 12 of its 12 rows" in failed(settings)["dataset"]


# a check that breaks, and what lies between here and a server


NO_TEXT = UnicodeDecodeError("utf-8", b"x", 0, 1, "?")


@pytest.mark.parametrize("error", [ValueError("odd\nnumber"), KeyError("x"), NO_TEXT])
def test_a_check_that_breaks_is_a_failed_check(settings, monkeypatch, error):
    def broken(settings):
        raise error

    monkeypatch.setattr(machine_checks, "disk_space", broken)
    found = results(settings)
    assert found["disk space"].status == "failed"
    assert found["disk space"].text.startswith(type(error).__name__)
    assert "test_preflight.py, line" in found["disk space"].text
    assert {result.status for name, result in found.items() if name != "disk space"} == {"ok"}


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HTTP_PROXY", "socks5://127.0.0.1:1080", "speaks SOCKS"),
        ("ALL_PROXY", "socks5h://127.0.0.1:1080", "speaks SOCKS"),
        ("HTTP_PROXY", "http://", "Check HTTPS_PROXY"),
        ("HTTP_PROXY", "ftp://127.0.0.1:1080", "Check HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_cannot_be_used(settings, hub, monkeypatch, variable, value, told):
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    settings["dataset"] = {"archive": f"{hub.url}/speech.tar.bz2", "sha256": "0" * 64}
    found = failed(settings)
    assert all(told in found[check] for check in ("dataset", "model", "texts")), found


def test_certificates_that_are_not_there(settings, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    settings["dataset"] = {"archive": "https://127.0.0.1:9/speech.tar.bz2", "sha256": "0" * 64}
    told = failed(settings)["dataset"]
    assert "/no/such/bundle.pem" in told and "Set REQUESTS_CA_BUNDLE" in told


# audio files, measures


def test_named_audio(settings, tmp_path):
    soundfile.write(tmp_path / "voice.wav", [0.0] * 100, 22050)
    settings["reference"]["clip"] = "voice.wav"
    settings["evaluation"]["other_speaker"] = str(tmp_path)
    assert results(settings)["audio files"].text == f"voice.wav; {tmp_path}"
    settings["reference"]["clip"] = "LJ001-0001"
    settings["evaluation"]["other_speaker"] = None
    assert results(settings)["audio files"].text == "none named"


def test_speakers_of_the_model(settings, standin, tmp_path):
    settings["evaluation"]["other_speaker"] = "Ana Example"
    assert "speakers_xtts.pth does not exist" in failed(settings)["other speaker"]
    settings["model"]["source"] = str(shutil.copytree(standin, tmp_path / "model"))
    builtin_voices.write(tmp_path / "model", "Ana Example", "Bob Example")
    assert results(settings)["other speaker"].text == "Ana Example, a speaker of the model"
    settings["evaluation"]["other_speaker"] = "Eve"
    assert "no speaker 'Eve'; it has Ana Example, Bob Example" in failed(settings)["other speaker"]
    settings["model"]["source"] = "data/models/demo"
    assert "other speaker" not in failed(settings)


def test_speakers_of_a_model_on_the_hub(settings, hub, tmp_path):
    content = builtin_voices.write(tmp_path, "Ana Example").read_bytes()
    hub.add_hub_file("someone/XTTS-v2", REVISION, "speakers_xtts.pth", content, large=True)
    settings["evaluation"]["other_speaker"] = "Ana Example"
    assert results(settings)["other speaker"].text == "Ana Example, a speaker of the model"
    settings["evaluation"]["other_speaker"] = "Eve"
    assert "no speaker 'Eve'; it has Ana Example\n" in failed(settings)["other speaker"]
    settings["model"]["accept_cpml"] = False
    assert results(settings)["other speaker"].status == "note"


def test_measures_from_the_hub_are_asked_for(settings, hub):
    settings["evaluation"]["similarity"] = "wavlm"
    assert "the server answers 404\nevaluation.asr, evaluation.similarity" in failed(settings)["measures"]


# disk space


def test_disk_space_for_the_full_reproduction(tmp_path, monkeypatch):
    settings = config.load(config.ROOT / "config" / "config.yaml")
    sizes = {need.what: need.size / 1e9 for need in needs.still_to_write(settings)}
    assert sizes["archive"] == pytest.approx(2.75, abs=0.01) and sizes["model"] == pytest.approx(2.09, abs=0.01)
    assert sizes["clips"] == pytest.approx(600 * 6.57 * 44.1e3 / 1e9, rel=0.01)
    assert sizes["fine-tuning"] == pytest.approx(28 * 0.441 + 1.87, abs=0.1)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, int(19e9)))
    with pytest.raises(UserError, match=r"data/downloads: 19\.0 GB free, but 19\.\d GB .*: archive 2\.7"):
        machine_checks.disk_space(settings)
    archive = tmp_path / config.archive_path(settings)
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert machine_checks.disk_space(settings).startswith("16.")


def test_what_is_there_is_not_counted_again(settings, tmp_path):
    first = {need.what for need in needs.still_to_write(settings)}
    assert first == {"clips", "fine-tuning", "speech"}
    for path in ("data/demo/mdata.csv", "results/demo/finetune/model.pth", "results/demo/speech/zero_shot/a.wav"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert needs.still_to_write(settings) == []
    assert results(settings)["disk space"].text == "nothing to write"


# GPU


def give_gpu(tmp_path, line):
    """An nvidia-smi that answers with a line: name, MiB, MiB free, driver, compute capability."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "nvidia-smi").write_text(f'#!/bin/sh\necho "{line}"\n')
    (tmp_path / "bin" / "nvidia-smi").chmod(0o755)


@pytest.fixture
def full(monkeypatch):
    """The full reproduction's config; nothing is asked of the servers that it names."""
    monkeypatch.setattr(remote, "ask", lambda *arguments, **named: None)
    return config.load(config.ROOT / "config" / "config.yaml")


def test_h100(full, tmp_path):
    give_gpu(tmp_path, "NVIDIA H100 80GB HBM3, 81559, 81000, 535.104.05, 9.0")
    found = results(full)["GPU"]
    assert found.status == "ok" and found.text.startswith("NVIDIA H100 80GB HBM3, driver 535.104.05, 85 of 86 GB free")


def test_driver(tmp_path):
    assert machine.driver() is None and machine.gpus() is None
    give_gpu(tmp_path, "535.104.05")
    assert machine.driver() == machine.gpus() == "535.104.05"
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho NVIDIA-SMI has failed\nexit 9\n")
    assert machine.driver() is None and machine.gpu() is None


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("Tesla T4, 15360, 15000, 535.104.05, 7.5", "note", "lower finetune.batch_size"),
        ("GTX 1650, 4096, 4000, 535.104.05, 7.5", "failed", r"optimizer alone need 7\.1 GB"),
        ("NVIDIA H100, 81559, 900, 535.104.05, 9.0", "failed", r"1 of 86 GB free, but .*need 7\.1 GB\nStop what else"),
        ("NVIDIA H100, 81559, 81000, 470.82.01, 9.0", "failed", r"driver is 470\.82\.01, .* needs 525\.60\.13"),
        (
            "NVIDIA B200, 183359, 183000, 580.65.06, 10.0",
            "failed",
            "capability 10.0, torch 2.1.0 knows 5.0 to 9.0",
        ),
        ("NVIDIA GeForce RTX 5090, 32607, 32000, 580.65.06, 12.0", "failed", "capability 12.0, torch"),
        ("Tesla K80, 12000, 11900, 530.30.02, 3.7", "failed", "capability 3.7, torch"),
    ],
)
def test_other_gpus(full, tmp_path, line, status, told):
    give_gpu(tmp_path, line)
    found = results(full)["GPU"]
    assert found.status == status
    assert re.search(told, found.text), found.text


def test_checkpointing_fits_a_smaller_gpu(full, tmp_path):
    give_gpu(tmp_path, "Tesla T4, 15360, 15000, 535.104.05, 7.5")
    assert results(full)["GPU"].status == "note"
    full["finetune"]["gradient_checkpointing"] = True
    assert results(full)["GPU"].status == "ok"


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_what_takes_less_gpu_memory_is_not_advised_where_it_is_so(full, tmp_path, checkpointing, precision):
    give_gpu(tmp_path, "Tesla T4, 15360, 15000, 535.104.05, 7.5")
    full["finetune"] |= {"gradient_checkpointing": checkpointing, "precision": precision, "batch_size": 256}
    found = results(full)["GPU"]
    assert found.status == "note" and "lower finetune.batch_size" in found.text
    assert ("gradient_checkpointing" in found.text) == (not checkpointing)
    assert ("finetune.precision" in found.text) == (precision == "fp32")


@pytest.mark.parametrize("said", ["[N/A]", "[Not Supported]", "[Insufficient Permissions]", "[Unknown Error]"])
def test_gpu_that_does_not_say_how_much_memory_it_has(full, tmp_path, said):
    give_gpu(tmp_path, f"NVIDIA Thor, {said}, {said}, 580.65.06, 9.0")
    found = results(full)["GPU"]
    assert found.status == "note"
    assert "nvidia-smi does not say how much memory it has; fine-tuning needs about" in found.text
    give_gpu(tmp_path, f"NVIDIA Thor, {said}, {said}, {said}, {said}")
    assert results(full)["GPU"].status == "note"


GPUS = [  # name, MiB, MiB free, driver, compute capability, UUID
    "NVIDIA A100-SXM4-80GB, 81920, 80000, 535.104.05, 8.0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
    "NVIDIA H100 80GB HBM3, 81559, 81000, 535.104.05, 9.0, GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77",
]
PARTS = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-8932f937-d72c-4106-c12f-20bd9faed9f6)
  MIG 1g.10gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.40gb+me  Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
"""
FIRST_PART = ("NVIDIA A100-SXM4-80GB (MIG 1g.10gb)", 10 << 30)
SECOND_PART = ("NVIDIA A100-SXM4-80GB (MIG 3g.40gb+me)", 40 << 30)
H100 = ("NVIDIA H100 80GB HBM3", 81559 << 20)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, FIRST_PART),  # of a GPU in parts CUDA uses the first
        ("0", FIRST_PART),
        ("1", H100),
        ("1,0", H100),
        (" 1", H100),
        ("GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77", H100),
        ("GPU-5d5b", H100),
        ("MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb", SECOND_PART),
        ("MIG-cba6,1", SECOND_PART),
        *((hidden, None) for hidden in ("", "-1", "-1,0", "2", "NoDevFiles", "GPU-0000", "MIG-0000", "none")),
    ],
)
def test_the_gpu_that_cuda_would_use(tmp_path, monkeypatch, visible, expected):
    (tmp_path / "bin").mkdir()
    table = "\n".join(GPUS)
    script = f"case $1 in -L) echo '{PARTS}' ;; *) echo '{table}' ;; esac"
    (tmp_path / "bin/nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin/nvidia-smi").chmod(0o755)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = machine.gpu()
    assert (found and (found.name, found.memory)) == expected


def test_driver_too_old_to_know_compute_capabilities(full, tmp_path):
    (tmp_path / "bin").mkdir()
    script = "case $1 in *compute_cap*) exit 2 ;; -L) ;; *) echo Tesla P100, 16280, 16000, 450.51.06, GPU-1 ;; esac"
    (tmp_path / "bin/nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin/nvidia-smi").chmod(0o755)
    assert "driver is 450.51.06" in failed(full)["GPU"]


def test_without_gpu(full, tmp_path, monkeypatch):
    assert "finetune.precision is fp16, which needs a GPU, and there is no GPU here" in failed(full)["GPU"]
    full["finetune"]["precision"] = "auto"
    found = results(full)["GPU"]
    assert found.status == "note" and "everything runs on 4 CPU threads; fine-tuning takes about 4 days" in found.text
    full["compute"]["device"] = "cuda"
    assert "compute.device is cuda, but nvidia-smi finds no GPU" in failed(full)["GPU"]
    assert "GPU" not in results(full, gpu=False)
    give_gpu(tmp_path, "NVIDIA H100, 81559, 81000, 535.104.05, 9.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "GPU" in failed(full)


# packages


def test_packages_against_the_lock(settings, monkeypatch):
    assert results(settings)["packages"].text == "as locked"
    version = machine.metadata.version
    monkeypatch.setattr(machine.metadata, "version", lambda name: "9.9" if name == "torch" else version(name))
    assert failed(settings)["packages"] == "not as envs/xtts.lock has it: torch 2.1.0: 9.9\nRun `make setup`."
