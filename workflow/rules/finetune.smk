"""Fine-tuning with labels."""


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
        processes=1,
        nodes=1,
        cpus_per_task=1,
        workers=0,
        recompute=0,
    params:
        settings=lambda wildcards: as_json(finetune_settings(wildcards.task, wildcards.init, wildcards.adaptation)),
        adaptation=lambda wildcards: split_budget(wildcards.adaptation)[0],
        weights=lambda wildcards, input: f"--weights {input.weights[0]}" if input.weights else "",
        state="results/{study}/state/finetune/{task}/{init}/{adaptation}/ft-{K}/seed-{s}",
        outputs=FINETUNE,
        source=source_digest("panda_lartpc.tasks.run"),
    shell:
        f"{LAUNCH} -m panda_lartpc.tasks.run"
        " --task {wildcards.task} --initialisation {wildcards.init} --adaptation {params.adaptation}"
        " --percent {wildcards.K} --seed {wildcards.s} --settings {params.settings:q} --train {input.train}"
        " --val {input.val} --test {input.test} {params.weights} --state {params.state} --outputs {params.outputs}"
        " --record {params.outputs}/metrics.json --study {wildcards.study} --database results/mlflow.db"
        " --source {params.source} --log-file {log} --processes {resources.processes} --workers {resources.workers}"
        " --recompute {resources.recompute}"


# The same with momentum, direction and vertex, and a table of the instances that were found.
use rule finetune as finetune_kinematics with:
    output:
        expand(f"{FINETUNE}/{{file}}", file=(*FINETUNED, "instances.parquet"), allow_missing=True),
    wildcard_constraints:
        task="particle-kinematics|interaction-kinematics",


# Motif, particle and interaction of every point of the test split, by one model of each task. A target by its name.
rule predictions:
    input:
        unpack(exported_models),
        points=results("points/test.zarr"),
    output:
        results("predictions.parquet"),
    log:
        results("logs/predictions.log"),
    benchmark:
        results("benchmarks/predictions.tsv")
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    params:
        tasks=[task for task in RUNS if RUNS[task]],
        source=source("predictions.py"),
    script:
        "../scripts/predictions.py"
