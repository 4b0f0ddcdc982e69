"""What Snakemake leaves to us on Slurm: jobs that a killed driver left behind, and what a failure means.

squeue(1) and scancel(1) are asked directly; they are there wherever jobs are.
"""

import getpass
import re
import subprocess
import time
from pathlib import Path

from xtts_cloning.errors import UserError

PROFILE = "set-resources of your profile (workflow/profiles/slurm/config.yaml, or your copy)"
# Slurm's word for a failure, or a part of sbatch's message: what it means for the rule, and what to change.
MEANINGS = {
    "TIMEOUT": "{rule} hit its run-time limit: raise {rule}: runtime (minutes) in {profile}; "
    "fine-tuning goes on from its last save",
    "OUT_OF_MEMORY": "{rule} used more memory than it asked for: raise {rule}: mem_mb in {profile}",
    "CANCELLED": "{rule} was cancelled, by scancel or an administrator; run the same command again to go on",
    "NODE_FAIL": "the node of {rule} went down; run the same command again to go on",
    "Memory specification can not be satisfied": "{rule} asks for more memory than a node of its partition has: "
    "lower {rule}: mem_mb in {profile}, or name a larger slurm_partition there",
    "node configuration is not available": "{rule} asks for more GPUs, cores or memory than a node of its partition "
    "has: change {rule}: gpu (or gres), mem_mb or slurm_partition in {profile}",
    "Invalid generic resource": "this cluster does not know the GPU that {rule} asks for: change {rule}: gpu or gres "
    "in {profile} (see: sinfo -o '%P %G')",
    "time limit is invalid": "{rule} asks for more time than its partition allows: lower {rule}: runtime (minutes) "
    "in {profile}, or name another slurm_partition there",
    "invalid partition": "the partition of {rule} does not exist: change slurm_partition in {profile} (see: sinfo -s)",
    "Invalid account": "the account does not exist, or may not use the partition: change slurm_account under "
    "default-resources of your profile (see: sacctmgr show assoc user=$USER)",
}


def advice(log: str) -> list[str]:
    """What to do about each Slurm failure that Snakemake's log reports, one line per rule and failure."""
    found = []
    for rule, report in re.findall(r"Error in rule (\w+).*?:\n((?:[ \t].*\n|\n)*)", log):
        for sign, meaning in MEANINGS.items():
            if f"'{sign}'" in report or (" " in sign and sign in report):
                found.append(meaning.format(rule=rule, profile=PROFILE))
                break
    return list(dict.fromkeys(found))


def job_prefix(run: str) -> str:
    """The run's name as it stands before the executor's own random job names: it tells the runs apart."""
    return re.sub(r"[^A-Za-z0-9-]", "-", run)[:50]


def cancel(run: str, folder: Path, patience: float = 300) -> list[str]:
    """Cancel the jobs of a run in a checkout that still wait or run, return when none is left, and give their ids.

    A job that outlived its driver would write the same files as its successor. Training goes on from its last save, and
    everything else takes minutes, so nothing much is lost.
    """
    cancelled = left = _jobs(run, folder)
    if left:
        subprocess.run(["scancel", *left], check=True, timeout=60)
    deadline = time.monotonic() + patience
    while left:
        if time.monotonic() > deadline:
            raise UserError(f"Slurm jobs {', '.join(left)} of an earlier driver do not end; see: squeue --me")
        time.sleep(1)
        left = _jobs(run, folder)
    return cancelled


def _jobs(run: str, folder: Path) -> list[str]:
    """Ids of the run's jobs that are in the queue, running or ending."""
    name = re.compile(rf"{job_prefix(run)}_[0-9a-f-]{{36}}")
    command = ["squeue", "--user", getpass.getuser(), "--noheader", "--format", "%i|%j|%Z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    jobs = [line.split("|", 2) for line in listed.splitlines()]
    return [job for job, job_name, workdir in jobs if name.fullmatch(job_name) and workdir == str(folder)]
