from xtts_cloning.model.checkpoints import MODEL_FILES

# The embedded default's input: spoken by espeak-ng and a random-weight model, made where the demo's config looks for them.
DEMO_ARCHIVE, DEMO_OTHER_SPEAKER, DEMO_MODEL = places.DEMO


rule demo_speech:
    input:
        **code("make_demo_speech"),
    output:
        archive=DEMO_ARCHIVE,
        other_speaker=directory(DEMO_OTHER_SPEAKER),
    log:
        "data/downloads/logs/demo_speech.log",
    container:
        CONTAINER
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        lock=LOCK,
    shell:
        "python {input.script} --archive {output.archive:q} --other-speaker {output.other_speaker:q} 2>&1 | tee {log:q}"


rule demo_model:
    input:
        **code("make_demo_model"),
    output:
        expand(f"{DEMO_MODEL}/{{name}}", name=MODEL_FILES),
    log:
        "data/models/logs/demo_model.log",
    container:
        CONTAINER
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=settings("make_demo_model"),
        lock=LOCK,
        folder=subpath(output[0], parent=True),
    shell:
        "python {input.script} --settings {params.settings:q} --output {params.folder:q} 2>&1 | tee {log:q}"
