# The clips to learn from and to test on, taken in one pass from the archive (or one's own folder).
ARCHIVE = Path(literal(configuration.archive_path(config)))
# A folder's own time does not change when the table in it is edited.
TABLES = sorted(literal(str(table)) for table in ARCHIVE.rglob("metadata.csv")) if ARCHIVE.is_dir() else []


rule subset:
    input:
        **code("subset"),
        archive=str(ARCHIVE),
        tables=TABLES,
        vocab=f"{MODEL}/vocab.json",
        model_config=f"{MODEL}/config.json",
    output:
        tables=expand(f"{DATA}/{{table}}.csv", table=["mdata", "clips", "rejected"]),
        train=f"{DATA}/mdata_train.csv",
        eval=f"{DATA}/mdata_eval.csv",
        test=f"{DATA}/mdata_test.csv",
        wavs=directory(f"{DATA}/wavs"),
    log:
        f"{RESULTS}/logs/subset.log",
    benchmark:
        f"{RESULTS}/benchmarks/subset.tsv"
    container:
        CONTAINER
    threads: 8  # bzip2 in parallel, as far as there are cores; the result does not depend on it
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        settings=settings("subset"),
        recordings=(
            ""
            if configuration.is_url(config["dataset"]["archive"])
            else fingerprint(ARCHIVE, "**/metadata.csv", "**/wavs/*")
        ),
        lock=LOCK,
        folder=subpath(output.train, parent=True),
    shell:
        "python {input.script} --settings {params.settings:q} --archive {input.archive:q} --vocab {input.vocab:q} "
        "--model-config {input.model_config:q} --output {params.folder:q} 2>&1 | tee {log:q}"
