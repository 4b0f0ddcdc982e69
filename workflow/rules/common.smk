# What all rules share: the checked config, the folders, the environment, and each step's settings and code.
import ast
import json
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path("workflow/scripts")
sys.path.insert(0, str(Path(workflow.basedir, SCRIPTS)))
from xtts_cloning import config as configuration
from xtts_cloning import files
from xtts_cloning.driver import images, places
from xtts_cloning.errors import UserError

try:
    configuration.check(config)
    # Before anything is removed, in a dry run too; a job of a driver that has passed finds its own files half made.
    if workflow.is_main_process:
        places.check(config)
    DAMAGED = places.damaged(config) if workflow.is_main_process else []
except UserError as error:
    raise WorkflowError(str(error))


def literal(path, odd=r"[{}<>]"):
    """A path of the config as Snakemake takes it: one with odd characters is reached through a link without them.

    In Snakemake { } and < > stand for wildcards, and nothing escapes them.
    """
    if not re.search(odd, path):
        return path
    link = Path("data/.literal", sha256(path.encode()).hexdigest()[:12], re.sub(odd, "_", Path(path).name))
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(Path(path).absolute())
        os.utime(link, (0, 0), follow_symlinks=False)  # only the time of what it leads to counts
    return str(link)


RUN = config["run"]
RESULTS = f"results/{RUN}"
DATA = f"data/{config['speaker']}"
MODEL = literal(configuration.model_folder(config))
LOCK = images.lock()
CONTAINER = literal(images.of(config), odd=r"[^\w/.:@+-]")  # Snakemake does not quote it
os.environ.update(APPTAINER_BIND=images.binds(config))

shell.prefix("set -euo pipefail; source envs/environment.sh; ")


def settings(step):
    """A param, the step's slice of the config as sorted JSON: a change of it, and of nothing else, reruns the step."""
    text = json.dumps(configuration.settings(config, step), sort_keys=True, ensure_ascii=False)
    return lambda wildcards: text  # as it is; in a plain string {braces} would be wildcards


def imported(path):
    """The library's modules that a Python file imports, wherever in it."""
    for node in ast.walk(ast.parse(Path(workflow.basedir, path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "xtts_cloning":
            place = SCRIPTS.joinpath(*node.module.split("."))
            room = Path(workflow.basedir, place).is_dir()
            yield from (place / f"{name.name}.py" for name in node.names) if room else [place.with_suffix(".py")]


def code(step):
    """The step's script and every library module that it imports, as inputs: an edit reruns the step, a touch does not."""
    script = SCRIPTS / f"{step}.py"
    found, queue = set(), [script]
    while queue:
        new = set(imported(queue.pop())) - found
        found |= new
        queue += new
    return {"script": str(script), "library": sorted(map(str, found)), "whole": made_again}


def made_again(wildcards):
    """No input; has every product that is there, but not as it was made, made again, and what hangs on it."""
    workflow.dag.forcefiles.update(map(str, DAMAGED))  # there is no public way; the lock pins Snakemake
    return []


def fingerprint(place, *patterns):
    """Where recordings are read, a param: a file that came, went or was replaced by an older one reruns the step.

    A folder's own time tells of none. What a rule makes is not there yet when this is asked, and has its rule to tell.
    """
    made_here = place is None or str(place) in places.DEMO or str(place).startswith(f"{RESULTS}/")
    return "" if made_here else files.fingerprint(place, *patterns)


def growing(amount):
    """A resource of a job that a profile may retry: twice as much at the second attempt, and so on."""
    return lambda wildcards, attempt: amount * attempt


def unless_other(own, other):
    """An input or param of synthesize: `own` for the cloned voice's systems, `other` for the other speaker."""
    return lambda wildcards: other if wildcards.system == "other_speaker" else own


def licence_accepted(wildcards):
    """No input; stops the driver, in a dry run too, until the model's licence is accepted. Not a param: no reruns."""
    if problem := configuration.licence_problem(config, os.environ):
        raise WorkflowError(problem)
    return []
