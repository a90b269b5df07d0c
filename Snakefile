# The study as a workflow: every data set and seed of params.yaml, from the download to the tables.
#
#   snakemake --cores 8 --resources gpu=1          the study here
#   snakemake --directory studies/demo --cores 2   another study, in a directory of its own
#
# src/nm_vqtsg/study/graph.py says what each step reads, makes and depends on; the rules name the steps and add
# what only Snakemake knows: threads, GPU, log, benchmark, report. What is out of date is decided by content.
# The design is explained in docs/workflow.md.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))
from nm_vqtsg.engines.snake import open_study

study = open_study(workflow, ancient)


report: "workflow/report/workflow.rst"


wildcard_constraints:
    dataset="|".join(study.datasets()),
    seed=r"\d+",


include: "workflow/rules/data.smk"
include: "workflow/rules/generator.smk"
include: "workflow/rules/mapper.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        study.targets(),


onstart:
    study.begin()


onsuccess:
    study.end()


onerror:
    study.end()
