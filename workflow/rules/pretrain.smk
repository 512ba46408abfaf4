"""Pre-training without labels, the linear probe of its snapshots, and the choice of the encoder to fine-tune."""


# One run of an objective on a share of the training events. A run that is killed goes on from its state when it is
# started again; the state lies in a folder that is no output, since Snakemake removes the outputs of failed jobs.
rule pretrain:
    input:
        points="results/{study}/points/train.zarr",
    output:
        snapshots=expand(f"{PRETRAIN}/snapshots/{{n}}.{{ending}}", n=SNAPSHOTS, ending=MODEL_FILES, allow_missing=True),
        metrics=f"{PRETRAIN}/metrics.parquet",
        record="results/{study}/records/pretrain/{objective}_pt-{K}_seed-{s}.json",
    log:
        "results/{study}/logs/pretrain/{objective}_pt-{K}_seed-{s}.log",
    benchmark:
        "results/{study}/benchmarks/pretrain/{objective}_pt-{K}_seed-{s}.tsv"
    priority: 1  # most of the others wait for it: runs from scratch fill the cores that it leaves
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
        settings=lambda wildcards: as_json(pretrain_settings(wildcards.objective)),
        state="results/{study}/state/pretrain/{objective}/pt-{K}/seed-{s}",
        source=source_digest("panda_lartpc.pretraining.run"),
    shell:
        f"{LAUNCH} -m panda_lartpc.pretraining.run"
        " --objective {wildcards.objective} --percent {wildcards.K}"
        " --seed {wildcards.s} --settings {params.settings:q} --points {input.points} --state {params.state}"
        " --outputs $(dirname {output.metrics}) --record {output.record} --study {wildcards.study}"
        " --database results/mlflow.db --source {params.source} --log-file {log}"
        " --processes {resources.processes} --workers {resources.workers} --recompute {resources.recompute}"


# Linear heads on the frozen features of every snapshot of a run: scores, and counts of each test event for the findings.
rule probe:
    input:
        snapshots=expand(f"{PRETRAIN}/snapshots/{{n}}.{{ending}}", n=SNAPSHOTS, ending=MODEL_FILES, allow_missing=True),
        points="results/{study}/points/val.zarr",
        test="results/{study}/points/test.zarr",
    output:
        records=expand(f"{PROBE}/{{n}}.json", n=SNAPSHOTS, allow_missing=True),
        counts=expand(f"{PROBE}/{{n}}.parquet", n=SNAPSHOTS, allow_missing=True),
    log:
        "results/{study}/logs/probe/{objective}_pt-{K}_seed-{s}.log",
    benchmark:
        "results/{study}/benchmarks/probe/{objective}_pt-{K}_seed-{s}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    params:
        settings=study.probe.model_dump(mode="json"),
        source=source("probe.py"),
    script:
        "../scripts/probe.py"


# The encoder that fine-tuning starts from: of the last snapshot, or of the best where the run has collapsed.
rule select:
    input:
        snapshots=expand(f"{PRETRAIN}/snapshots/{{n}}.{{ending}}", n=SNAPSHOTS, ending=MODEL_FILES, allow_missing=True),
        probes=expand(f"{PROBE}/{{n}}.json", n=SNAPSHOTS, allow_missing=True),
        metrics=f"{PRETRAIN}/metrics.parquet",
    output:
        encoder=f"{PRETRAIN}/encoder.safetensors",
        card=f"{PRETRAIN}/encoder.json",
        selected=f"{PRETRAIN}/selected.json",
    log:
        "results/{study}/logs/select/{objective}_pt-{K}_seed-{s}.log",
    benchmark:
        "results/{study}/benchmarks/select/{objective}_pt-{K}_seed-{s}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        n_prototypes=study.pretrain.distillation.n_prototypes,
        source=source("select.py"),
    script:
        "../scripts/select.py"


# The probe's score of each class against event-samples, all seeds of an objective and fraction.
rule figure_probe:
    input:
        probes=expand(f"{PROBE}/{{n}}.json", s=study.pretrain.seeds, n=SNAPSHOTS, allow_missing=True),
        selected=expand(f"{PRETRAIN}/selected.json", s=study.pretrain.seeds, allow_missing=True),
    output:
        png="results/{study}/figures/probe_{objective}_pt-{K}.png",
        pdf="results/{study}/figures/probe_{objective}_pt-{K}.pdf",
    log:
        "results/{study}/logs/figure_probe/{objective}_pt-{K}.log",
    benchmark:
        "results/{study}/benchmarks/figure_probe/{objective}_pt-{K}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        source=source("figure_probe.py"),
    script:
        "../scripts/figure_probe.py"
