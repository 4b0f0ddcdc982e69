"""The run as a Workflow Run RO-Crate: what ran, with what, into what, in the community's words for machines.

https://www.researchobject.org/workflow-run-crate/profiles/workflow_run_crate/ (version 0.5, on RO-Crate 1.1)
"""

import json
import mimetypes
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
    workflow = _workflow(crate, provenance)
    crate.mainEntity = workflow
    inputs = [_input(crate, path, facts) for path, facts in provenance["inputs"].items() if "missing" not in facts]
    outputs = [
        _output(crate, results, path, facts) for path, facts in provenance["outputs"].items() if "missing" not in facts
    ]
    outputs += [_output(crate, results, str(results / name), {}) for name in ("report.html", "provenance.json")]
    _parameters(crate, workflow, inputs, outputs)
    crate.root_dataset["mentions"] = _action(crate, provenance, workflow, inputs, outputs, ended)
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
        "programmingLanguage": {"@id": language.id},
    }
    _entity(crate, MIT, "CreativeWork", name="MIT License", identifier="MIT")
    return crate.add_file(config.ROOT / "Snakefile", WORKFLOW, properties=properties)


def _input(crate: ROCrate, path: str, facts: dict) -> ContextEntity:
    """What the run read. It lies outside the crate's folder, so it is described by its name, size and sha256."""
    extra = {"sha256": facts["sha256"], "contentSize": str(facts["bytes"])}
    return _entity(crate, f"#{path}", "CreativeWork", name=path, description=f"Input {path}", **extra)


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


def _parameters(crate: ROCrate, workflow, inputs: list, outputs: list) -> None:
    """The workflow's formal parameters, one for each thing read or made, and which entity stood for each."""
    for prefix, members in (("input", inputs), ("output", outputs)):
        for member in members:
            properties = {
                "name": member["name"],
                "additionalType": "File" if member.type == "File" else "CollectionOrFile",
            }
            properties["conformsTo"] = {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"}
            parameter = _entity(crate, f"#{prefix}-{member['name']}", "FormalParameter", **properties)
            workflow.append_to(prefix, parameter)
            member["exampleOfWork"] = parameter


def _action(crate: ROCrate, provenance: dict, workflow, inputs: list, outputs: list, ended: datetime) -> ContextEntity:
    """The run itself, with its command and the config as property values."""
    values = [
        _entity(crate, f"#config-{key}", "PropertyValue", name=key, value=json.dumps(value, ensure_ascii=False))
        for key, value in provenance["config"].items()
    ]
    properties = {
        "name": f"Run {provenance['run']}",
        "description": " ".join(map(str, provenance["snakemake"]["command"] or ["snakemake"])),
        "endTime": ended.astimezone(UTC).isoformat(timespec="seconds"),
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "instrument": {"@id": workflow.id},
        "object": [{"@id": part.id} for part in [*inputs, *values]],
        "result": [{"@id": part.id} for part in outputs],
    }
    return _entity(crate, "#run", "CreateAction", **properties)
