# What people look at: the figures of each data set and seed, and the tables of the study.
# What each reads, writes and depends on: src/nm_vqtsg/study/graph.py
#
# A figure or table with a caption in workflow/report stands in the report of `snakemake --report`.
captions = Path(workflow.basedir) / "workflow" / "report"


rule plot:
    input:
        study.inputs("plot"),
    output:
        study.reported(
            "plot",
            captions,
            lambda path, caption, title: report(
                path,
                caption=caption,
                category="Figures",
                subcategory="{dataset}",
                labels={"figure": title, "seed": "{seed}"},
            ),
        ),
    log:
        "logs/snakemake/plot-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/plot-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    shell:
        study.command("plot")


rule tables:
    input:
        study.inputs("tables"),
    output:
        study.reported(
            "tables",
            captions,
            lambda path, caption, title: report(
                path,
                caption=caption,
                category="Tables",
                labels={"table": title},
            ),
        ),
    log:
        "logs/snakemake/tables.log",
    benchmark:
        "logs/benchmarks/tables.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    shell:
        study.command("tables")
