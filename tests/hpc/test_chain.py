"""The demo in the image, on this machine and on Slurm, against the demo in the virtual environment.

Budget on two cores, in minutes: image 5, demo in the virtual environment 4, in the image 3, on Slurm 5 and 3; with the
7 of test_faults.py and 1 of test_deploy.py tests/hpc stays below 30.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import cluster
import pytest
from checkout import contents, edit_config

DATA = ["data/demo", "data/downloads", "data/models"]
RESULTS = ["speech", "finetune", "figures"]
ENVIRONMENT = {"engine.json"}  # says which Python it was
GPU_RULES = {"finetune": {"gpu": 1, "slurm_partition": "gpu"}, "synthesize": {"gpu": 1, "slurm_partition": "gpu"}}


def make(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["make", *arguments], cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def different(first: Path, second: Path, run: str = "demo") -> list[str]:
    """Files that are not the same bytes in the first checkout's demo and the second's run; every folder is there."""
    parts = [(part, part) for part in DATA] + [(f"results/demo/{part}", f"results/{run}/{part}") for part in RESULTS]
    found = []
    for part, other_part in parts:
        one, other = contents(first / part), contents(second / other_part)
        assert one, f"{part} is empty"
        names = one.keys() | other.keys()
        found += [f"{other_part}/{name}" for name in names if one.get(name) != other.get(name)]
    for name in ["metrics.csv", "summary.json"]:
        if (first / "results/demo" / name).read_bytes() != (second / "results" / run / name).read_bytes():
            found.append(name)
    return [name for name in found if not set(Path(name).parts) & {"logs", "tensorboard", *ENVIRONMENT}]


def test_building_again_does_nothing(image):
    done = subprocess.run(["containers/build.sh"], cwd=image.parents[1], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"containers/{image.name} is there\n"), done.stderr


def test_labels_say_what_the_image_is(image):
    shown = subprocess.run(["apptainer", "inspect", "--labels", "--json", image], capture_output=True, check=True)
    labels = json.loads(shown.stdout)["data"]["attributes"]["labels"]
    assert (labels["xtts.torch"], labels["xtts.TTS"]) == ("2.1.0", "0.21.3")
    assert labels["xtts.lock"] in image.name
    assert len(labels["xtts.revision"]) == 40


def test_no_user_packages_and_no_host_settings(image, tmp_path):
    (tmp_path / "home/.local/lib/python3.11/site-packages").mkdir(parents=True)
    (tmp_path / "home/.local/lib/python3.11/site-packages/torch.py").write_text("raise SystemExit('the wrong torch')")
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    command = ["apptainer", "exec", "--home", tmp_path / "home", image, "python", "-c", "import torch, numpy"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_missing_image_stops_before_the_first_job(fresh):
    (fresh / "config/missing.yaml").write_text("compute: {container: containers/none.sif}\n")
    command = ["make", "demo", "ENV=image", "CONFIG=config/missing.yaml"]
    done = subprocess.run(command, cwd=fresh, capture_output=True, text=True)
    assert done.returncode != 0
    assert "the image containers/none.sif does not exist: build it with `make container`" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def in_image(fresh_for_demo) -> Path:
    """A checkout in which `make demo` has run in the image, with the models outside the checkout behind a link."""
    outside = fresh_for_demo.parent / "scratch"
    outside.mkdir()
    (fresh_for_demo / "data/models").symlink_to(outside)
    make(fresh_for_demo, "demo", "ENV=image")
    return fresh_for_demo


def test_demo_in_the_image_gives_the_same_bytes(demo, in_image):
    assert different(demo.checkout, in_image) == []


def test_image_is_on_record(in_image, image):
    record = json.loads((in_image / "results/demo/logs/driver.json").read_text())
    assert record["environment"] == "image"
    assert record["image"]["path"] == f"containers/{image.name}"
    assert len(record["image"]["sha256"]) == 64


def test_image_and_virtual_environment_are_interchangeable(in_image):
    assert "Nothing to be done" in make(in_image, "demo", "ENV=venv")
    assert "Nothing to be done" in make(in_image, "demo", "ENV=image")


def test_no_caches_in_checkout(in_image):
    command = ["git", "status", "--porcelain", "--ignored"]
    shown = subprocess.run(command, cwd=in_image, capture_output=True, text=True, check=True).stdout.splitlines()
    left = {line[3:].split("/")[0] for line in shown if line[:2] in ("!!", "??")}
    assert left <= {".snakemake", ".venv", "data", "results", "containers"}


@pytest.fixture(scope="module")
def on_slurm(tmp_path_factory, image) -> Path:
    return cluster.checkout_with(image, tmp_path_factory.mktemp("slurm") / "checkout")


def test_demo_on_slurm_without_accounting_and_network(demo, on_slurm, image):
    """The containers have no network, as on a compute node without one."""
    with cluster.running():
        cluster.write_profile(on_slurm, False, f"{cluster.witness(on_slurm)} --net --network none", **GPU_RULES)
        said = make(on_slurm, "slurm", "CONFIG=config/demo.yaml", "PROFILE=tests", "ENV=image")
        assert "report: results/demo/report.html" in said, said
        rules = check_jobs(on_slurm, image, interfaces=1)
    assert rules >= {"demo_speech", "subset", "reference", "finetune", "synthesize", "evaluate", "report"}
    assert different(demo.checkout, on_slurm) == []


def test_demo_on_slurm_with_accounting_and_the_driver_in_a_job(demo, on_slurm, image):
    """A second run of the same speaker, so that only what follows the reference is left to do."""
    edit_config(on_slurm, {"run": "accounting"}, "config/accounting.yaml")
    shutil.rmtree(on_slurm / "seen", ignore_errors=True)
    with cluster.running("--accounting"):
        cluster.write_profile(on_slurm, True, cluster.witness(on_slurm), **GPU_RULES)
        command = ["sbatch", "--parsable", "--account=project", "workflow/profiles/slurm/driver.sbatch"]
        variables = ["CONFIG=config/accounting.yaml", "PROFILE=tests", "ENV=image"]
        submitted = subprocess.run([*command, *variables], cwd=on_slurm, capture_output=True, text=True)
        assert submitted.returncode == 0, submitted.stderr
        driver = submitted.stdout.strip()
        cluster.wait_for("the driver", lambda: state(driver) in ("COMPLETED", "FAILED"), 900)
        said = (on_slurm / f"results/driver-{driver}.log").read_text()
        assert "report: results/accounting/report.html" in said, said
        rules = check_jobs(on_slurm, image)
        accounts = cluster.client("sacct", "--noheader", "--allocations", "--format=account,state").split("\n")
    assert rules >= {"finetune", "synthesize", "evaluate", "report"}
    assert {tuple(line.split()) for line in accounts if line} == {("project", "COMPLETED")}
    assert different(demo.checkout, on_slurm, "accounting") == []


def state(job: str) -> str:
    return cluster.client("sacct", "--noheader", "--allocations", "--format=state", f"--jobs={job}").strip()


def check_jobs(checkout: Path, image: Path, interfaces: int = 0) -> set[str]:
    """Each job ran in the image, where and with the GPU that it should; returns the rules that ran."""
    rules = set()
    for number, job in cluster.jobs(checkout).items():
        rule = job["Comment"].removeprefix("rule_").split("_wildcards")[0]
        used, gpu, seen_interfaces = cluster.seen(checkout, number)
        assert job["JobState"] == "COMPLETED"
        assert used == str(checkout / "containers" / image.name), f"{rule} ran outside the image"
        assert not interfaces or int(seen_interfaces) == interfaces, f"{rule} saw {seen_interfaces} network interfaces"
        if rule in GPU_RULES:
            assert (job["Partition"], job["NodeList"]) == ("gpu", "node1")
            assert gpu in ("0", "1"), "CUDA_VISIBLE_DEVICES did not reach the container"
        else:
            assert (job["Partition"], gpu) == ("cpu", "")
        rules.add(rule)
    return rules
