"""What Snakemake leaves to us on Slurm: jobs that a killed driver left behind, and what a failure means.

squeue(1) and scancel(1) are asked directly; they are there wherever jobs are.
"""

import getpass
import re
import subprocess
import time
from collections.abc import Collection

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


def cancel(jobs: Collection[str], patience: float = 300) -> list[str]:
    """Cancel those of the jobs (ids) that still wait or run, return when none is left, and give their ids.

    A job of ours that outlived its driver would write the same files as its successor. Training goes on from its last
    save, and everything else takes minutes, so nothing much is lost.
    """
    left = cancelled = _alive(jobs)
    if left:
        subprocess.run(["scancel", *sorted(left)], check=True, timeout=60)
    deadline = time.monotonic() + patience
    while left := _alive(left):
        if time.monotonic() > deadline:
            raise UserError(f"Slurm jobs {', '.join(sorted(left))} of an earlier driver do not end; see: squeue --me")
        time.sleep(1)
    return sorted(cancelled)


def _alive(jobs: Collection[str]) -> set[str]:
    """Those of our jobs that are in the queue, running or ending."""
    if not jobs:
        return set()
    command = ["squeue", "--user", getpass.getuser(), "--noheader", "--format", "%i"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return set(jobs) & set(listed.split())
