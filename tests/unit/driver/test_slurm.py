"""What a Slurm failure means, and which jobs are a killed driver's."""

import pytest
from xtts_cloning.driver import slurm
from xtts_cloning.errors import UserError

FAILED = """[Mon Nov 23 16:15:41 2026]
Error in rule finetune:
    message: SLURM-job '7' failed, SLURM status is: '{status}'. For further error details see the log
    jobid: 0
    output: results/late/finetune/model.pth
    external_jobid: 7
Cleaning up SLURM log files older than 10 day(s).
"""


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("TIMEOUT", "raise finetune: runtime (minutes)"),
        ("OUT_OF_MEMORY", "raise finetune: mem_mb"),
        ("CANCELLED", "finetune was cancelled"),
        ("NODE_FAIL", "the node of finetune went down"),
    ],
)
def test_advice_names_rule_and_key(status, expected):
    (line,) = slurm.advice(FAILED.format(status=status))
    assert expected in line


def test_advice_on_a_refused_submission():
    refusal = (
        "'sbatch: error: Memory specification can not be satisfied\n"
        + "    sbatch: error: Batch job submission failed'"
    )
    (line,) = slurm.advice(FAILED.replace("SLURM-job '7' failed, SLURM status is: '{status}'.", refusal))
    assert "more memory than a node of its partition has" in line


def test_no_advice_on_other_failures():
    assert slurm.advice(FAILED.format(status="FAILED")) == []
    assert slurm.advice("Finished jobid: 0 (Rule: finetune)\n") == []


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Stand-ins for squeue and scancel, and the file that holds the queue."""
    queue = tmp_path / "queue"
    (tmp_path / "squeue").write_text(f"#!/bin/sh\ncat {queue}\n")
    (tmp_path / "scancel").write_text(f'#!/bin/sh\nfor job; do sed -i "/^$job|/d" {queue}; done\n')
    for name in ("squeue", "scancel"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return queue


UUID = "f2b3fc9e-6b8d-476d-9038-b6ba20bf6647"


def test_cancels_its_own_jobs_and_no_others(queue, tmp_path):
    others = [f"2|anna-two_{UUID}|{tmp_path}", f"3|anna_{UUID}|/elsewhere", f"4|anna|{tmp_path}"]
    queue.write_text("\n".join([f"1|anna_{UUID}|{tmp_path}", *others]) + "\n")
    assert slurm.cancel("anna", tmp_path) == ["1"]
    assert queue.read_text().splitlines() == others


def test_says_so_when_a_job_does_not_end(queue, tmp_path):
    queue.write_text(f"1|anna_{UUID}|{tmp_path}\n")
    (queue.parent / "scancel").write_text("#!/bin/sh\n")
    with pytest.raises(UserError, match="1 of an earlier driver do not end"):
        slurm.cancel("anna", tmp_path, patience=0)


def test_nothing_left_over(queue, tmp_path):
    queue.write_text("")
    assert slurm.cancel("anna", tmp_path) == []
