# What all rules share: the checked config, the folders, each step's settings and code, and the driver's own record.
import ast
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake import __version__ as snakemake_version
from snakemake.exceptions import WorkflowError

SCRIPTS = Path("workflow/scripts")
sys.path.insert(0, str(Path(workflow.basedir, SCRIPTS)))
from xtts_cloning import config as configuration
from xtts_cloning.errors import UserError

try:
    configuration.check(config)
except UserError as error:
    raise WorkflowError(str(error))

RUN = config["run"]
RESULTS = f"results/{RUN}"
DATA = f"data/{config['speaker']}"
MODEL = configuration.model_folder(config)
# The environment's identity, the same whether it is a virtual environment or an image.
LOCK = hashlib.sha256(Path(workflow.basedir, "envs/xtts.lock").read_bytes()).hexdigest()[:12]
CONTAINER = config["compute"]["container"] or f"containers/xtts-{LOCK}.sif"


def settings(step):
    """The step's slice of the config as sorted JSON: a change of it, and of nothing else, reruns the step."""
    return json.dumps(configuration.settings(config, step), sort_keys=True, ensure_ascii=False)


def code(step):
    """The step's script and every library module that it imports, as inputs: an edit reruns the step, a touch does not."""
    found, queue = set(), [SCRIPTS / f"{step}.py"]
    while queue:
        path = queue.pop()
        for node in ast.walk(ast.parse(Path(workflow.basedir, path).read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("xtts_cloning"):
                continue
            names = [alias.name for alias in node.names] if node.module == "xtts_cloning" else [node.module.split(".")[1]]
            modules = {SCRIPTS / "xtts_cloning" / f"{name}.py" for name in names} - found
            found |= modules
            queue += modules
    return {"script": str(SCRIPTS / f"{step}.py"), "library": sorted(map(str, found))}


def licence_accepted(wildcards):
    """No input; stops the driver, in a dry run too, until the model's licence is accepted. Not a param: no reruns."""
    if problem := configuration.licence_problem(config, os.environ):
        raise WorkflowError(problem)
    return []


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=workflow.basedir, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def image():
    """The image that the rules run in, or None where they run in the virtual environment."""
    used = "apptainer" in {str(method) for method in workflow.deployment_settings.deployment_method}
    return CONTAINER if used else None


def rule_graph():
    """Edges [from rule, to rule] of the whole chain, sorted."""
    edges = {(before.rule.name, job.rule.name) for job, befores in workflow.dag.dependencies.items() for before in befores}
    return sorted(map(list, edges))


onstart:
    # Held until the driver ends, however it ends: a second driver of the same run would write the same files.
    driver_lock = open(Path(RESULTS, "logs", ".driver.lock"), "a")
    try:
        fcntl.flock(driver_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkflowError(f"another run of {RUN!r} is under way in this folder; wait for it or stop it first")
    workflow.driver_lock = driver_lock
    record = {
        "git_revision": git("rev-parse", "HEAD"),
        "git_dirty": bool(git("status", "--porcelain")),
        "snakemake": snakemake_version,
        "command": sys.argv,
        "image": image(),
        "environment": "image" if image() else "venv",
        "rule_graph": rule_graph(),
    }
    Path(RESULTS, "logs", "driver.json").write_text(json.dumps(record, indent=2) + "\n")
