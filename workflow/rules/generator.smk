# The generator, once for each data set and seed: tokeniser, prior, samples.
# What each reads, writes and depends on: src/nm_vqtsg/study/graph.py


rule stage1:
    input:
        study.inputs("stage1"),
    output:
        study.outputs("stage1"),
    log:
        "logs/snakemake/stage1-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/stage1-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("stage1")


rule stage2:
    input:
        study.inputs("stage2"),
    output:
        study.outputs("stage2"),
    log:
        "logs/snakemake/stage2-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/stage2-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("stage2")


rule sample:
    input:
        study.inputs("sample"),
    output:
        study.outputs("sample"),
    log:
        "logs/snakemake/sample-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/sample-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("sample")
