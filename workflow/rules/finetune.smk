"""Fine-tuning with labels, and the tables and figures of semantic segmentation."""


# One run of a sweep: a task, an initialisation, an adaptation, a share of labelled events, a seed. Resumes as `pretrain`.
rule finetune:
    input:
        train="results/{study}/points/train.zarr",
        val="results/{study}/points/val.zarr",
        test="results/{study}/points/test.zarr",
        weights=initial_weights,
    output:
        expand(f"{FINETUNE}/{{file}}", file=FINETUNED, allow_missing=True),
    log:
        "results/{study}/logs/finetune/{task}_{init}_{adaptation}_ft-{K}_seed-{s}.log",
    benchmark:
        "results/{study}/benchmarks/finetune/{task}_{init}_{adaptation}_ft-{K}_seed-{s}.tsv"
    wildcard_constraints:
        task="semantic|particle|interaction",
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        runtime="24h",
        mem_mb=4000,
        processes=1,
        workers=0,
    params:
        settings=lambda wildcards: as_json(finetune_settings(wildcards.task, wildcards.init, wildcards.adaptation)),
        weights=lambda wildcards, input: f"--weights {input.weights[0]}" if input.weights else "",
        state="results/{study}/state/finetune/{task}/{init}/{adaptation}/ft-{K}/seed-{s}",
        outputs=FINETUNE,
        source=source_digest("panda_lartpc.tasks.run"),
    shell:
        f"{LAUNCH} -m panda_lartpc.tasks.run"
        " --task {wildcards.task} --initialisation {wildcards.init} --adaptation {wildcards.adaptation}"
        " --percent {wildcards.K} --seed {wildcards.s} --settings {params.settings:q} --train {input.train}"
        " --val {input.val} --test {input.test} {params.weights} --state {params.state} --outputs {params.outputs}"
        " --record {params.outputs}/metrics.json --study {wildcards.study} --database results/mlflow.db"
        " --source {params.source} --log {log} --processes {resources.processes} --workers {resources.workers}"


# The same with momentum, direction and vertex, and a table of the instances that were found.
use rule finetune as finetune_kinematics with:
    output:
        expand(f"{FINETUNE}/{{file}}", file=(*FINETUNED, "instances.parquet"), allow_missing=True),
    wildcard_constraints:
        task="particle-kinematics|interaction-kinematics",


# Macro F1 by share of labels (Table 1). Rules without wildcards are targets by their name.
rule table1:
    input:
        run_files("semantic", "metrics.json", "events.parquet"),
    output:
        csv=results("tables/table-1.csv"),
        md=results("tables/table-1.md"),
        tex=results("tables/table-1.tex"),
    log:
        results("logs/table1.log"),
    benchmark:
        results("benchmarks/table1.tsv")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        runtime="30m",
        mem_mb=2000,
    params:
        runs=RUNS["semantic"],
        source=source("table1.py"),
    script:
        "../scripts/table1.py"


# F1 of each motif with the most labels (Table 2).
rule table2:
    input:
        run_files("semantic", "metrics.json", "events.parquet"),
    output:
        csv=results("tables/table-2.csv"),
        md=results("tables/table-2.md"),
        tex=results("tables/table-2.tex"),
    log:
        results("logs/table2.log"),
    benchmark:
        results("benchmarks/table2.tsv")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        runtime="30m",
        mem_mb=2000,
    params:
        runs=RUNS["semantic"],
        source=source("table2.py"),
    script:
        "../scripts/table2.py"


# Macro F1 against the number of labelled events (Figure 6).
rule figure6:
    input:
        run_files("semantic", "metrics.json", "events.parquet"),
    output:
        png=results("figures/figure-6.png"),
        pdf=results("figures/figure-6.pdf"),
    log:
        results("logs/figure6.log"),
    benchmark:
        results("benchmarks/figure6.tsv")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        runtime="30m",
        mem_mb=2000,
    params:
        runs=RUNS["semantic"],
        source=source("figure6.py"),
    script:
        "../scripts/figure6.py"


# Validation F1 against event-samples (Figure 10).
rule figure10:
    input:
        run_files("semantic", "metrics.json", "validation.parquet"),
    output:
        png=results("figures/figure-10.png"),
        pdf=results("figures/figure-10.pdf"),
    log:
        results("logs/figure10.log"),
    benchmark:
        results("benchmarks/figure10.tsv")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        runtime="30m",
        mem_mb=2000,
    params:
        runs=RUNS["semantic"],
        source=source("figure10.py"),
    script:
        "../scripts/figure10.py"
