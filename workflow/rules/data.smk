# Data, once for each data set: fetched, split and scaled, and judged by.
# What each reads, writes and depends on: src/nm_vqtsg/study/graph.py


rule download:
    input:
        study.inputs("download"),
    output:
        study.outputs("download"),
    log:
        "logs/snakemake/download-{dataset}.log",
    benchmark:
        "logs/benchmarks/download-{dataset}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    shell:
        study.command("download")


rule resplit:
    input:
        study.inputs("resplit"),
    output:
        study.outputs("resplit"),
    log:
        "logs/snakemake/resplit-{dataset}.log",
    benchmark:
        "logs/benchmarks/resplit-{dataset}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    shell:
        study.command("resplit")


rule fcn:
    input:
        study.inputs("fcn"),
    output:
        study.outputs("fcn"),
    log:
        "logs/snakemake/fcn-{dataset}.log",
    benchmark:
        "logs/benchmarks/fcn-{dataset}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("fcn")
