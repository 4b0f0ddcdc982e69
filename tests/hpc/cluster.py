"""What the tests ask of the Slurm cluster that slurm.sh starts, and the profile they run it with."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import yaml
from checkout import copy_checkout, environment, share_environments

HERE = Path(__file__).parent
PROFILE = "workflow/profiles/tests/config.yaml"
# What a job saw: the bash that runs a rule's command in the image reads this first.
WITNESS = 'echo "$APPTAINER_CONTAINER|$CUDA_VISIBLE_DEVICES|$(grep -c : /proc/net/dev)" >>seen/$SLURM_JOB_ID\n'


def slurm(*arguments: str) -> None:
    done = subprocess.run([HERE / "slurm.sh", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running(*arguments: str):
    """A cluster, for a while."""
    slurm("up", *arguments)
    try:
        yield
    finally:
        slurm("down")


def write_profile(checkout: Path, accounting: bool = False, apptainer_args: str = "", **rules: dict) -> None:
    """The shipped profile with this site's values, as a user makes it; `rules` are set-resources."""
    profile = yaml.safe_load((checkout / "workflow/profiles/slurm/config.yaml").read_text())
    if accounting:
        profile["default-resources"]["slurm_account"] = "project"
    else:
        profile |= {"slurm-no-account": True, "slurm-status-command": "squeue"}
    profile |= {"slurm-init-seconds-before-status-checks": 2, "seconds-between-status-checks": 2, "latency-wait": 10}
    if rules:
        profile["set-resources"] = rules
    profile["apptainer-args"] += f" {apptainer_args}"
    (checkout / PROFILE).parent.mkdir(exist_ok=True)
    (checkout / PROFILE).write_text(yaml.safe_dump(profile))


def witness(checkout: Path) -> str:
    """Apptainer's arguments that make every job in the image write down what it saw."""
    (checkout / "witness.sh").write_text(WITNESS)
    (checkout / "seen").mkdir(exist_ok=True)
    return f"--env BASH_ENV={checkout}/witness.sh"


def seen(checkout: Path, job: str) -> list[str]:
    """Image, CUDA_VISIBLE_DEVICES and number of network interfaces inside the container of a job."""
    return (checkout / "seen" / job).read_text().splitlines()[-1].split("|")


def client(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def jobs(checkout: Path, rule: str = "") -> dict[str, dict[str, str]]:
    """scontrol's words about this checkout's jobs, by id; of one rule, or of all."""
    found = {}
    for line in client("scontrol", "--oneliner", "show", "job").splitlines():
        job = dict(re.findall(r"(\w+)=(\S*)", line))
        if job.get("WorkDir") == str(checkout) and job.get("Comment", "").startswith(f"rule_{rule}"):
            found[job["JobId"]] = job
    return found


def wait_for(what: str, condition: Callable, seconds: float = 240):
    """The condition's first true value."""
    begin = time.monotonic()
    while not (value := condition()):
        assert time.monotonic() - begin < seconds, f"waited {seconds} s for {what}"
        time.sleep(0.3)
    return value


class Driver:
    """`make slurm` of a run in the virtual environment, in a process group of its own."""

    def __init__(self, checkout: Path, config: str, target: str = "", *arguments: str):
        self.log = checkout / f"driver-{time.monotonic_ns()}.log"
        snakemake = checkout / ".venv/workflow/bin/snakemake"
        command = [snakemake, "--workflow-profile", (checkout / PROFILE).parent, "--configfile", config, *arguments]
        with open(self.log, "w") as output:
            self.process = subprocess.Popen(
                [*map(str, command), "--", target],
                cwd=checkout,
                env=environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def ends(self, seconds: float = 300) -> tuple[int, str]:
        """Its exit code and what it said."""
        return self.process.wait(seconds), self.log.read_text()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def copy_run(source: Path, target: Path) -> Path:
    """A checkout in which the demo has run, environments shared, without its results."""
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("results", "*.sif"))
    return target


def checkout_with(image: Path, folder: Path) -> Path:
    """A clean checkout with the image in its place and the environments shared."""
    copy_checkout(folder)
    share_environments(folder)
    (folder / "containers" / image.name).symlink_to(image)
    return folder
