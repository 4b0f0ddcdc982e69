# What the driver does before the first job and after a failure; a job on a cluster's node does none of it.
import subprocess

from snakemake import __version__ as snakemake_version
from xtts_cloning import files, products
from xtts_cloning.driver import slurm


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=workflow.basedir, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def revision():
    """[git revision, whether files differ from it]; where `make deploy` brought the files, as they were at home."""
    deployed = Path(workflow.basedir, ".revision")
    if deployed.exists():
        return json.loads(deployed.read_text(encoding="utf-8"))
    return [git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))]


def image():
    """Path and sha256 of the image that the rules run in, or None where they run in the virtual environment."""
    if "apptainer" not in {str(method) for method in workflow.deployment_settings.deployment_method}:
        return None
    try:
        return images.describe(CONTAINER)
    except UserError as error:
        raise WorkflowError(str(error))


def own_slurm_jobs():
    """Name this run's Slurm jobs after it, and end those that a killed driver left behind: they would run twice."""
    executor = workflow.scheduler._executor  # there is no public way; the lock pins both packages
    if not hasattr(executor, "run_uuid"):
        return
    executor.run_uuid = f"{slurm.job_prefix(RUN)}_{executor.run_uuid}"
    try:
        for job in slurm.cancel(RUN, Path.cwd()):
            logger.warning(f"cancelled Slurm job {job}, which an earlier driver of {RUN!r} left behind")
    except UserError as error:
        raise WorkflowError(str(error))


def rule_graph():
    """Edges [from rule, to rule] of the whole chain, sorted."""
    edges = {
        (before.rule.name, job.rule.name) for job, befores in workflow.dag.dependencies.items() for before in befores
    }
    return sorted(map(list, edges))


def keep_changed_files():
    """What somebody changed in a product is kept: Snakemake is about to remove it, to make it again."""
    about_to_run = {str(path) for job in workflow.dag.needrun_jobs() for path in job.output}
    for product in DAMAGED:
        if str(product) in about_to_run and (kept := products.set_aside(product)):
            logger.warning(
                f"{product} was changed since it was made; it is made again, the changed files are in {kept}"
            )


onstart:
    # Held until the driver ends, however it ends: a second driver of the same run would write the same files.
    logs = Path(RESULTS, "logs")
    logs.mkdir(parents=True, exist_ok=True)
    driver_lock = open(logs / ".driver.lock", "a")
    if not files.locked(driver_lock):
        raise WorkflowError(f"another run of {RUN!r} is under way in this folder; wait for it or stop it first")
    workflow.driver_lock = driver_lock
    own_slurm_jobs()
    keep_changed_files()
    used_image = image()
    git_revision, git_dirty = revision()
    record = {
        "git_revision": git_revision,
        "git_dirty": git_dirty,
        "snakemake": snakemake_version,
        "command": sys.argv,
        "image": used_image,
        "environment": "image" if used_image else "venv",
        "rule_graph": rule_graph(),
    }
    (logs / "driver.json").write_text(json.dumps(record, indent=2) + "\n")


onerror:
    for line in slurm.advice("".join(Path(file).read_text(encoding="utf-8", errors="replace") for file in log)):
        logger.error(line)
