# The generator, once for each data set and seed; RUN stands for results/{dataset}/seed{seed}.
#
# stage1  reads train.npz and test.npz; makes RUN/stage1.*: tokeniser, its numbers, its loss curve
# stage2  reads train.npz and stage1.safetensors; makes RUN/stage2.*: prior, its numbers, its loss curve
# sample  reads both; makes RUN/samples.npz: synthetic series, unconditional and per class


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
