# The archive and the model, for sources that are not local. Both run on the machine that drives the workflow, because
# compute nodes are often offline, and keep what came under data/*/.store/ whatever becomes of the job. The bytes are
# pinned by hash, so unlike elsewhere neither script nor environment is an input: an edit of theirs need not retrain.
from xtts_cloning.model.checkpoints import PINS


localrules:
    download_dataset,
    download_model,
    model,


if configuration.is_url(config["dataset"]["archive"]):

    rule download_dataset:
        output:
            configuration.archive_path(config),
        log:
            "data/downloads/logs/download_dataset.log",
        container:
            CONTAINER
        params:
            settings=settings("download_dataset"),
        shell:
            "python workflow/scripts/download_dataset.py --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


if configuration.is_hub_repository(config["model"]["source"]):

    rule download_model:
        input:
            licence_accepted,
        output:
            expand(f"{MODEL}/{{name}}", name=PINS),
        log:
            "data/models/logs/download_model.log",
        container:
            CONTAINER
        params:
            settings=settings("download_model"),
            folder=subpath(output[0], parent=True),
        shell:
            "python workflow/scripts/download_model.py --settings {params.settings:q} --output {params.folder:q} --accept-cpml "
            "2>&1 | tee {log:q}"


# For `make model`: the model of the config, wherever it comes from.
rule model:
    input:
        expand(f"{MODEL}/{{name}}", name=["model.pth", "config.json", "vocab.json", "dvae.pth", "mel_stats.pth"]),
