"""Where people run it: odd paths, Windows line ends, and what module systems and images leave in the environment."""

import os
import shutil
import subprocess

import pytest
from checkout import ROOT, copy_checkout, edit_config, share_environments, snakemake

ODD_NAME = "it's a (test) & {more} <so> $HOME; é\u2013"


def make(checkout, *arguments, **environment):
    done = subprocess.run(
        ["make", *arguments], cwd=checkout, env={**os.environ, **environment}, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def odd_checkout(tmp_path_factory):
    """A checkout and a config behind every character that means something to a shell, to Make or to Snakemake."""
    folder = copy_checkout(tmp_path_factory.mktemp("odd") / ODD_NAME)
    share_environments(folder)
    (folder / "config" / f"{ODD_NAME.replace('$', '')}.yaml").write_bytes((folder / "config/demo.yaml").read_bytes())
    return folder


def test_checkout_and_config_behind_odd_characters(odd_checkout):
    config = f"config/{ODD_NAME.replace('$', '')}.yaml"
    assert "This was a dry-run" in make(odd_checkout, "dry-run", f"CONFIG={config}", "ENV=venv")
    snakemake(odd_checkout, "data/downloads/demo-speech.tar.bz2", config=config)
    assert (odd_checkout / "data/downloads/demo-speech.tar.bz2").is_file()


def test_what_others_left_in_the_environment(odd_checkout, tmp_path):
    """A module system's packages, profile and ENV; an image's switches; a notebook's plots."""
    (tmp_path / "yaml.py").write_text("raise RuntimeError('not our yaml')\n")
    told = make(
        odd_checkout,
        "dry-run",
        "CONFIG=config/demo.yaml",
        "ENV=venv",  # a machine with Apptainer would build the image first
        PYTHONPATH=str(tmp_path),
        PYTHONHOME=str(tmp_path),
        PYTHONSAFEPATH="1",
        PYTHONIOENCODING="latin-1",
        SNAKEMAKE_PROFILE="/no/such/profile",
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        LC_ALL="C",
    )
    assert "This was a dry-run" in told
    assert "make demo" in make(odd_checkout, "help", ENV="/usr/share/Modules/init/profile.sh")


@pytest.mark.parametrize("value", ["docker", "/usr/share/Modules/init/profile.sh"])
def test_an_env_that_is_asked_for_must_be_known(odd_checkout, value):
    with pytest.raises(AssertionError, match="ENV is venv or image, not"):
        make(odd_checkout, "help", f"ENV={value}")


def sourced(checkout, show, **environment):
    """What `show` prints after the environment was set, twice, starting from `environment` and PATH alone."""
    script = f"set -euo pipefail; source envs/environment.sh; source envs/environment.sh; {show}"
    start = {"PATH": os.environ["PATH"], "HOME": "/home/me", **environment}
    done = subprocess.run(["bash", "-c", script], cwd=checkout, env=start, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_libraries_of_another_cuda_are_left_out_and_others_stay(odd_checkout, tmp_path):
    held = {"cuda": "libcublasLt.so.12", "cudnn 9": "libcudnn.so.9", "torch": "libtorch_cpu.so", "nccl": "libnccl.so.2"}
    kept = {"python": "libpython3.11.so.1.0", "driver": "libcuda.so.1", "empty": "README", "wsl": "libnvidia-ml.so.1"}
    for folder, library in {**held, **kept}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / library).touch()
    given = ":".join(str(tmp_path / folder) for pair in zip(held, kept, strict=True) for folder in pair)
    expected = [str(tmp_path / folder) for folder in kept]
    show = "echo $LD_LIBRARY_PATH"
    assert sourced(odd_checkout, show, LD_LIBRARY_PATH=f"{given}:/no/such")[0].split(":") == [*expected, "/no/such"]
    assert sourced(odd_checkout, show, LD_LIBRARY_PATH=str(tmp_path / "cuda")) == [""]
    assert sourced(odd_checkout, "echo ${LD_LIBRARY_PATH-unset}") == ["unset"]


def test_python_hears_of_nothing_but_what_is_set_here(odd_checkout):
    given = {f"PYTHON{name}": "1" for name in ("PATH", "HOME", "SAFEPATH", "OPTIMIZE", "WARNINGS", "INSPECT", "UTF8")}
    found = sourced(odd_checkout, "env | grep ^PYTHON | sort", **given)
    assert found == ["PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1", "PYTHONUTF8=1"]


@pytest.mark.parametrize(
    ("given", "token"),
    [
        ({}, "/home/me/.cache/huggingface/token"),
        ({"XDG_CACHE_HOME": "/scratch/me"}, "/scratch/me/huggingface/token"),
        ({"HF_HOME": "/scratch/hub"}, "/scratch/hub/token"),
        ({"HF_TOKEN_PATH": "/secret"}, "/secret"),
    ],
)
def test_caches_stay_in_the_checkout_and_a_saved_token_is_found(odd_checkout, given, token):
    found = sourced(odd_checkout, "echo $HF_TOKEN_PATH; echo $XDG_CACHE_HOME; echo $HF_HOME", **given)
    cache = f"{odd_checkout}/.snakemake/cache"
    assert found == [token, cache, given.get("HF_HOME", f"{cache}/huggingface")]


def test_a_clone_has_the_same_bytes_under_windows(tmp_path):
    """Line ends as here whatever git is set to; nothing would start with others. Pictures are left alone."""
    source = copy_checkout(tmp_path / "source")
    identity = ["-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run(["git", *identity, "commit", "-qm", "all"], cwd=source, check=True)
    clone = ["git", "clone", "-q", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", source, tmp_path / "clone"]
    subprocess.run(clone, check=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, capture_output=True, text=True, check=True)
    names = list(filter(None, listed.stdout.split("\0")))
    assert len(names) > 200
    assert [name for name in names if (tmp_path / "clone" / name).read_bytes() != (ROOT / name).read_bytes()] == []


def test_braces_and_brackets_in_the_config(demo):
    """In Snakemake they are wildcards: in every path that a config names, and in every text."""
    checkout = demo.checkout
    odd = checkout / "data/{own} <folder>"
    (odd / "other {speaker}").mkdir(parents=True)
    shutil.copy2(checkout / "data/downloads/demo-speech.tar.bz2", odd / "{speech}.tar.bz2")
    for path in (checkout / "data/downloads/demo-other-speaker").iterdir():
        shutil.copy2(path, odd / "other {speaker}" / path.name)
    shutil.copy2(checkout / "config/demo_lines.txt", odd / "{lines}.txt")
    shutil.copy2(demo.data / "reference.wav", odd / "{voice}.wav")
    (odd / "{model}").symlink_to(checkout / "data/models/demo")
    name = "data/{own} <folder>"
    changes = {
        "run": "braces",
        "speaker": "braces",
        "dataset.archive": f"{name}/{{speech}}.tar.bz2",
        "model.source": f"{name}/{{model}}",
        "reference.clip": f"{name}/{{voice}}.wav",
        "synthesis.lines": f"{name}/{{lines}}.txt",
        "evaluation.other_speaker": f"{name}/other {{speaker}}",
        "report.title": "A {voice} of <mine> {run}",
    }
    config = edit_config(checkout, changes, "config/{braces}.yaml")
    shown = snakemake(checkout, "--dry-run", config=config).stdout
    assert "rule report:" in shown
    snakemake(checkout, "data/braces/reference.wav", config=config)
    assert (checkout / "data/braces/mdata.csv").read_text() == (demo.data / "mdata.csv").read_text().replace(
        "|demo\n", "|braces\n"
    )
    assert snakemake(checkout, "--dry-run", "data/braces/reference.wav", config=config).stdout.count("rule ") == 0
