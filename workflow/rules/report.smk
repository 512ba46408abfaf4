"""Pages for people: event displays, the check of the simulation, and the window that MLflow opens on the records."""


# Interactive displays of a few events on one self-contained page.
rule event_display:
    input:
        store=results(f"points/{study.display.split}.zarr"),
    output:
        page="results/{study}/events.html",
    params:
        settings=study.display.model_dump(mode="json"),
        title=f"Events of the study “{study.name}”",
        source=source("event_display.py"),
    log:
        "results/{study}/logs/event_display.log",
    benchmark:
        "results/{study}/benchmarks/event_display.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        runtime="10m",
        mem_mb=2000,
    script:
        "../scripts/event_display.py"


# The records of all jobs as runs in MLflow. The database is no output: it holds every study, and Snakemake would delete it.
rule track:
    input:
        records=records,
    output:
        "results/{study}/records/tracked.json",
    params:
        database="results/mlflow.db",
        source=source("track.py"),
    log:
        "results/{study}/logs/track.log",
    benchmark:
        "results/{study}/benchmarks/track.tsv"
    conda:
        "../../envs/cpu.yaml"
    localrule: True
    threads: 1
    resources:
        runtime="10m",
        mem_mb=2000,
    script:
        "../scripts/track.py"
