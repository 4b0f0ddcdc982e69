"""The run as a Workflow Run RO-Crate: what ran, with what, into what, in the community's words for machines.

https://www.researchobject.org/workflow-run-crate/profiles/workflow_run_crate/ (version 0.5, on RO-Crate 1.1)
"""

import json
import mimetypes
import urllib.parse
from datetime import UTC, datetime
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from xtts_cloning import config

PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
BIOSCHEMAS = "https://bioschemas.org/profiles"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
MIT = "https://spdx.org/licenses/MIT"
WORKFLOW = "workflow/Snakefile"  # a copy in the run's folder: the crate holds the workflow that made it


def describe(provenance: dict, results: Path, title: str, ended: datetime) -> str:
    """The text of ro-crate-metadata.json for the folder `results`; `ended` is when the run's last result was made."""
    crate = ROCrate(version="1.1")
    root = crate.root_dataset
    crate.name = title
    crate.description = (
        f"Run {provenance['run']!r} of a workflow that clones a voice with XTTS-v2 and measures the result."
    )
    root["datePublished"] = ended.astimezone(UTC).isoformat(timespec="seconds")
    root["license"] = _entity(crate, "#licence", "CreativeWork", name="Terms of this run", description=TERMS)
    root["conformsTo"] = [_entity(crate, url, "CreativeWork", name=n, version=v) for url, n, v in PROFILES]
    crate.metadata["conformsTo"] = [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": PROFILES[-1][0]}]
    workflow = _workflow(crate, provenance)
    crate.mainEntity = workflow
    inputs = [_input(crate, path, facts) for path, facts in provenance["inputs"].items() if "missing" not in facts]
    outputs = [
        _output(crate, results, path, facts) for path, facts in provenance["outputs"].items() if "missing" not in facts
    ]
    outputs += [_output(crate, results, str(results / name), {}) for name in ("report.html", "provenance.json")]
    values = _config_values(crate, provenance["config"])
    _parameters(crate, workflow, "input", values)
    _parameters(crate, workflow, "output", [output for output in outputs if output.type in ("File", "Dataset")])
    command = provenance["snakemake"]["command"]
    root["mentions"] = _action(crate, command, workflow, [*inputs, *values], outputs, ended)
    return json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False) + "\n"


TERMS = (
    "Code: MIT. XTTS-v2's weights, its fine-tunes and its outputs: Coqui Public Model License, non-commercial. "
    "LJSpeech: public domain. Other recordings: as their owner says."
)


def _entity(crate: ROCrate, entity_id: str, kind: str, /, **properties) -> ContextEntity:
    return crate.add(ContextEntity(crate, entity_id, properties={"@type": kind, **properties}))


def _workflow(crate: ROCrate, provenance: dict):
    """The main workflow, its language and its version."""
    language = _entity(
        crate,
        SNAKEMAKE,
        "ComputerLanguage",
        name="Snakemake",
        alternateName="Snakemake",
        version=provenance["snakemake"]["version"] or "unknown",
        identifier={"@id": "https://snakemake.readthedocs.io"},
        url={"@id": "https://snakemake.github.io"},
    )
    properties = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "xtts-voice-cloning",
        "description": "LJSpeech (or anyone's recordings) to fine-tuned XTTS-v2 speech, measures and a report.",
        "encodingFormat": "text/plain",
        "version": provenance["git"]["revision"] or "unknown",
        "license": {"@id": MIT},
        "conformsTo": {"@id": f"{BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE"},
        "programmingLanguage": {"@id": language.id},
    }
    _entity(crate, MIT, "CreativeWork", name="MIT License", identifier="MIT")
    return crate.add_file(config.ROOT / "Snakefile", WORKFLOW, properties=properties)


def _input(crate: ROCrate, path: str, facts: dict) -> ContextEntity:
    """What the run read. It lies outside the crate's folder, so it is described by its name, size and sha256."""
    extra = {"sha256": facts["sha256"], "contentSize": str(facts["bytes"])}
    address = f"#{urllib.parse.quote(path)}"
    return _entity(crate, address, "CreativeWork", name=path, description=f"Input {path}", **extra)


def _output(crate: ROCrate, results: Path, path: str, facts: dict):
    """What the run made: a part of the crate where it lies in its folder, else a description like an input's."""
    if not Path(path).is_relative_to(results):
        return _input(crate, path, facts)
    inside = str(Path(path).relative_to(results))
    properties = {"name": inside, "description": f"Output {inside} of the run"}
    if "files" in facts:
        return crate.add_directory(None, inside, properties=properties)
    properties["encodingFormat"] = mimetypes.guess_type(inside)[0] or "application/octet-stream"
    if facts:
        properties |= {"sha256": facts["sha256"], "contentSize": str(facts["bytes"])}
    return crate.add_file(None, inside, properties=properties)


def _config_values(crate: ROCrate, settings: dict) -> list[ContextEntity]:
    """The config's keys as property values."""
    return [
        _entity(crate, f"#config-{key}", "PropertyValue", name=key, value=json.dumps(value, ensure_ascii=False))
        for key, value in settings.items()
    ]


def _parameters(crate: ROCrate, workflow, prefix: str, members: list) -> None:
    """A formal parameter of the workflow for each config key (prefix input) or part of the crate (prefix output)."""
    for member in members:
        kind = {"File": "File", "Dataset": "Dataset", "PropertyValue": "Text"}[member.type]
        properties = {
            "name": member["name"],
            "additionalType": kind,
            "conformsTo": {"@id": f"{BIOSCHEMAS}/FormalParameter/1.0-RELEASE"},
        }
        parameter = _entity(crate, f"#{prefix}-{member['name']}", "FormalParameter", **properties)
        workflow.append_to(prefix, parameter)
        member["exampleOfWork"] = parameter


def _action(crate: ROCrate, command: list | None, workflow, read: list, made: list, ended: datetime) -> ContextEntity:
    """The run itself: the workflow, what it read and what it made."""
    properties = {
        "name": "The run",
        "description": " ".join(map(str, command or ["snakemake"])),
        "endTime": ended.astimezone(UTC).isoformat(timespec="seconds"),
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "instrument": {"@id": workflow.id},
        "object": [{"@id": part.id} for part in read],
        "result": [{"@id": part.id} for part in made],
    }
    return _entity(crate, "#run", "CreateAction", **properties)
