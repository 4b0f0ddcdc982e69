# The archive and the model, for sources that are not local. Both run on the machine that drives the workflow, because
# compute nodes are often offline, and keep what came under data/*/.store/ whatever becomes of the job.
from xtts_cloning.checkpoints import PINS


localrules:
    download_dataset,
    download_model,


def licence_accepted(wildcards):
    """No input; stops the driver, in a dry run too, until the model's licence is accepted. Not a param: no reruns."""
    if problem := configuration.licence_problem(config, os.environ):
        raise WorkflowError(problem)
    return []


if configuration.is_url(config["dataset"]["archive"]):

    rule download_dataset:
        input:
            **code("download_dataset"),
        output:
            configuration.archive_path(config),
        log:
            "data/downloads/logs/download_dataset.log",
        params:
            settings=settings("download_dataset"),
            lock=LOCK,
        container:
            CONTAINER
        shell:
            "python {input.script} --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


if configuration.is_hub_repository(config["model"]["source"]):

    rule download_model:
        input:
            licence_accepted,
            **code("download_model"),
        output:
            expand(f"{MODEL}/{{name}}", name=PINS),
        log:
            "data/models/logs/download_model.log",
        params:
            settings=settings("download_model"),
            folder=MODEL,
            lock=LOCK,
        container:
            CONTAINER
        shell:
            "python {input.script} --settings {params.settings:q} --output {params.folder:q} --accept-cpml "
            "2>&1 | tee {log:q}"
