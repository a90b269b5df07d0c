# The neural mapper, once for each data set and seed: temperature, training, evaluation.
# What each reads, writes and depends on: src/nm_vqtsg/study/graph.py


rule tau_search:
    input:
        study.inputs("tau_search"),
    output:
        study.outputs("tau_search"),
    log:
        "logs/snakemake/tau_search-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/tau_search-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("tau_search")


rule stage3:
    input:
        study.inputs("stage3"),
    output:
        study.outputs("stage3"),
    log:
        "logs/snakemake/stage3-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/stage3-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("stage3")


rule evaluate:
    input:
        study.inputs("evaluate"),
    output:
        study.outputs("evaluate"),
    log:
        "logs/snakemake/evaluate-{dataset}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/evaluate-{dataset}-seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=study.gpu,
    shell:
        study.command("evaluate")
