"""What goes wrong on clusters, each on a short fine-tuning (in the virtual environment), on a real Slurm.

Budget on two cores: 7 minutes, besides the demo's own run.
"""

import cluster
import pytest
from checkout import edit_config
from cluster import Driver, copy_run, jobs, wait_for, write_profile

SHORT = {"finetune.max_steps": 24, "finetune.eval_interval": 12, "finetune.save_interval": 2}


@pytest.fixture(scope="module")
def started():
    """A cluster without accounting."""
    with cluster.running():
        yield


@pytest.fixture(scope="module")
def checkout(demo, started, tmp_path_factory):
    """A checkout in which the data and the model are there, so that only fine-tuning is left to do."""
    folder = copy_run(demo.checkout, tmp_path_factory.mktemp("faults") / "checkout")
    write_profile(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(checkout) -> bytes:
    """The weights that fine-tuning ends with when nothing goes wrong."""
    code, said = start(checkout, "undisturbed").ends()
    assert code == 0, said
    return weights(checkout, "undisturbed")


def start(checkout, run: str, *arguments: str, **changes) -> Driver:
    """The driver of a run of its own, to the end of a fine-tuning that is short and often saved."""
    settings = {"run": run, **SHORT, **{key.replace("__", "."): value for key, value in changes.items()}}
    config = edit_config(checkout, settings, f"config/{run}.yaml")
    return Driver(checkout, config, f"results/{run}/finetune/model.pth", *arguments)


def saved(checkout, run: str):
    """Wait for the middle of fine-tuning: a first save, and a running job; returns the job."""
    wait_for("a save", lambda: list(checkout.glob(f"results/{run}/finetune/state-*/latest.pth")))
    return next(job for job in jobs(checkout, "finetune").values() if job["JobState"] == "RUNNING")


def weights(checkout, run: str) -> bytes:
    return (checkout / f"results/{run}/finetune/model.pth").read_bytes()


def test_failing_job(checkout):
    code, said = start(checkout, "failing", finetune__precision="fp16").ends()
    assert code != 0
    assert "SLURM status is: 'FAILED'" in said
    assert "finetune.precision" in said, "the step's own message must be in sight"
    assert said.count("has been submitted with SLURM jobid") == 1, "fine-tuning must not be tried again"


def test_cancelled_job(checkout, undisturbed):
    first = start(checkout, "cancelled")
    job = saved(checkout, "cancelled")
    cluster.client("scancel", job["JobId"])
    code, said = first.ends()
    assert code != 0
    assert "finetune was cancelled" in said

    code, said = start(checkout, "cancelled").ends()
    assert code == 0, said
    assert weights(checkout, "cancelled") == undisturbed


def test_node_down_in_the_middle_of_finetuning(checkout, undisturbed):
    driver = start(checkout, "requeued")
    job = saved(checkout, "requeued")
    node = job["NodeList"]
    cluster.client("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        wait_for("the requeue", lambda: jobs(checkout)[job["JobId"]]["JobState"] == "PENDING")
        cluster.client("scontrol", "update", f"jobid={job['JobId']}", "starttime=now")
        again = wait_for("the restart", lambda: running(checkout, job["JobId"]))
        assert again["NodeList"] != node
        assert again["Restarts"] == "1"
        code, said = driver.ends()
    finally:
        cluster.client("scontrol", "update", f"nodename={node}", "state=resume")
    assert code == 0, said
    assert "going on from step" in (checkout / "results/requeued/logs/finetune.log").read_text()
    assert weights(checkout, "requeued") == undisturbed


def running(checkout, job_id: str):
    job = jobs(checkout)[job_id]
    return job if job["JobState"] == "RUNNING" else None


def test_driver_killed_and_started_again(checkout, undisturbed):
    first = start(checkout, "orphan")
    job = saved(checkout, "orphan")
    first.kill()
    assert running(checkout, job["JobId"]), "the job must outlive its driver for this test to mean anything"

    second = start(checkout, "orphan")
    while second.process.poll() is None:
        active = [one for one in jobs(checkout, "finetune").values() if one["JobState"] in ("RUNNING", "COMPLETING")]
        assert len(active) <= 1, "one stage ran twice at once"
    code, said = second.ends()
    assert code == 0, said
    assert f"cancelled Slurm job {job['JobId']}" in said
    assert weights(checkout, "orphan") == undisturbed


def test_run_time_limit(checkout):
    code, said = start(checkout, "late", "--set-resources", "finetune:runtime=1", finetune__max_steps=100000).ends()
    assert code != 0
    assert "finetune hit its run-time limit: raise finetune: runtime (minutes) in set-resources" in said


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"finetune": {"mem_mb": 900000}}, "finetune asks for more memory than a node of its partition has"),
        ({"finetune": {"gpu": 9, "slurm_partition": "gpu"}}, "finetune asks for more GPUs, cores or memory"),
        ({"finetune": {"gpu": 1, "slurm_partition": "nowhere"}}, "the partition of finetune does not exist"),
    ],
    ids=["memory", "gpus", "partition"],
)
def test_more_than_the_partition_has(checkout, resources, message):
    write_profile(checkout, **resources)
    try:
        code, said = start(checkout, "greedy").ends()
    finally:
        write_profile(checkout)
    assert code != 0
    assert message in said
