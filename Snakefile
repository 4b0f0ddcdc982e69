# LJSpeech (or anyone's recordings) -> fine-tuned XTTS-v2 -> speech and a report.
configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/driver.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"


rule all:
    default_target: True
    input:
        rules.subset.output,
        rules.reference.output,
        rules.finetune.output,
        expand(rules.synthesize.output, system=SPOKEN),
        rules.evaluate.output,
        rules.page_audio.output,
        rules.report.output,
