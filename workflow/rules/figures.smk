"""Figures of the method, drawn from the running code, and of single test events."""


# The network of the study's settings, its parameters counted, and an event at each of its levels (Figure 3).
rule figure3:
    input:
        points=results("points/train.zarr"),
    output:
        png=results("figures/figure-3.png"),
        pdf=results("figures/figure-3.pdf"),
    log:
        results("logs/figure3.log"),
    benchmark:
        results("benchmarks/figure3.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        geometry=study.geometry.model_dump(mode="json"),
        encoder=study.encoder.model_dump(mode="json"),
        decoder=study.decoder.model_dump(mode="json"),
        sets={task: study.finetune.of_task(task).head.model_dump(mode="json") for task in PANOPTIC if RUNS[task]},
        source=source("figure3.py"),
    script:
        "../scripts/figure3.py"


# Student, teacher and losses, with the numbers of the study's settings (Figure 4).
rule figure4:
    output:
        png=results("figures/figure-4.png"),
        pdf=results("figures/figure-4.pdf"),
    log:
        results("logs/figure4.log"),
    benchmark:
        results("benchmarks/figure4.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        encoder=study.encoder.model_dump(mode="json"),
        pretrain=study.pretrain.model_dump(mode="json"),
        source=source("figure4.py"),
    script:
        "../scripts/figure4.py"


# An event in all the views of pre-training (Figure 5).
rule figure5:
    input:
        points=results("points/train.zarr"),
    output:
        png=results("figures/figure-5.png"),
        pdf=results("figures/figure-5.pdf"),
    log:
        results("logs/figure5.log"),
    benchmark:
        results("benchmarks/figure5.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        geometry=study.geometry.model_dump(mode="json"),
        coordinates=study.encoder.coordinates,
        pretrain=study.pretrain.model_dump(mode="json"),
        source=source("figure5.py"),
    script:
        "../scripts/figure5.py"


# Motifs of two random and the two worst test events, as they are and as one run sees them (Figure 11).
rule figure11:
    input:
        shown_files(("semantic",), "metrics.json", "events.parquet"),
        predictions=results("predictions.parquet"),
        points=results("points/test.zarr"),
    output:
        png=results("figures/figure-11.png"),
        pdf=results("figures/figure-11.pdf"),
        html=results("figures/figure-11.html"),
    log:
        results("logs/figure11.log"),
    benchmark:
        results("benchmarks/figure11.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=shown("semantic"),
        task="semantic",
        title=f"Figure 11: motifs of test events, study “{study.name}”",
        source=source("figure11.py"),
    script:
        "../scripts/figure11.py"


# The same of particles (Figure 12).
use rule figure11 as figure12 with:
    input:
        shown_files(("particle",), "metrics.json", "events.parquet"),
        predictions=results("predictions.parquet"),
        points=results("points/test.zarr"),
    output:
        png=results("figures/figure-12.png"),
        pdf=results("figures/figure-12.pdf"),
        html=results("figures/figure-12.html"),
    log:
        results("logs/figure12.log"),
    benchmark:
        results("benchmarks/figure12.tsv")
    params:
        runs=shown("particle"),
        task="particle",
        title=f"Figure 12: particles of test events, study “{study.name}”",
        source=source("figure11.py"),


# The same of interactions (Figure 13).
use rule figure11 as figure13 with:
    input:
        shown_files(("interaction",), "metrics.json", "events.parquet"),
        predictions=results("predictions.parquet"),
        points=results("points/test.zarr"),
    output:
        png=results("figures/figure-13.png"),
        pdf=results("figures/figure-13.pdf"),
        html=results("figures/figure-13.html"),
    log:
        results("logs/figure13.log"),
    benchmark:
        results("benchmarks/figure13.tsv")
    params:
        runs=shown("interaction"),
        task="interaction",
        title=f"Figure 13: interactions of test events, study “{study.name}”",
        source=source("figure11.py"),


# Seconds and memory of the model that figures show, on the device at hand. `profiles/local` gives it all cores: other
# jobs would be seen on its clock.
rule throughput:
    input:
        model=lambda wildcards: shown_files([wildcards.task], "model.safetensors")[0],
        card=lambda wildcards: shown_files([wildcards.task], "model.json")[0],
        points="results/{study}/points/test.zarr",
    output:
        table="results/{study}/throughput/{task}.parquet",
        record="results/{study}/records/throughput/{task}.json",
    log:
        "results/{study}/logs/throughput/{task}.log",
    benchmark:
        "results/{study}/benchmarks/throughput/{task}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    params:
        settings=study.throughput.model_dump(mode="json"),
        source=source("throughput.py"),
    script:
        "../scripts/throughput.py"


# Events a second and memory of one semantic model, by batch size (Figure 14).
rule figure14:
    input:
        shown_files([MEASURED[0]], "metrics.json", "events.parquet"),
        measured=results(f"throughput/{MEASURED[0]}.parquet"),
    output:
        png=results("figures/figure-14.png"),
        pdf=results("figures/figure-14.pdf"),
    log:
        results("logs/figure14.log"),
    benchmark:
        results("benchmarks/figure14.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=shown(MEASURED[0]),
        source=source("figure14.py"),
    script:
        "../scripts/figure14.py"


# Events a second and memory of one panoptic model, by batch size (Figure 15).
rule figure15:
    input:
        shown_files([MEASURED[1]], "metrics.json", "events.parquet"),
        measured=results(f"throughput/{MEASURED[1]}.parquet"),
    output:
        png=results("figures/figure-15.png"),
        pdf=results("figures/figure-15.pdf"),
    log:
        results("logs/figure15.log"),
    benchmark:
        results("benchmarks/figure15.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=shown(MEASURED[1]),
        source=source("figure15.py"),
    script:
        "../scripts/figure15.py"
