"""Pages for people: event displays, the check of the simulation, the report, and the window that MLflow opens."""


# Interactive displays of a few events on one self-contained page.
rule event_display:
    input:
        store=results(f"points/{study.display.split}.zarr"),
    output:
        page="results/{study}/events.html",
    log:
        "results/{study}/logs/event_display.log",
    benchmark:
        "results/{study}/benchmarks/event_display.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.display.model_dump(mode="json"),
        title=f"Events of the study “{study.name}”",
        source=source("event_display.py"),
    script:
        "../scripts/event_display.py"


# The built-in simulation beside published values, on a page and in a table. Two files hold enough events for it.
rule validate_simulation:
    input:
        files=lambda wildcards: [
            f"results/{wildcards.study}/hdf5/train/{file}.h5" for file in list(SIMULATED["train"])[:2]
        ],
    output:
        page="results/{study}/simulation.html",
        table="results/{study}/simulation.csv",
        record="results/{study}/records/validate_simulation.json",
    log:
        "results/{study}/logs/validate_simulation.log",
    benchmark:
        "results/{study}/benchmarks/validate_simulation.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.simulation.model_dump(mode="json", exclude={"events", "events_per_file"}),
        physics_events=study.validation.physics_events,
        source=source("validate_simulation.py"),
    script:
        "../scripts/validate_simulation.py"


# The records of all jobs as runs in MLflow. The database is no output: it holds every study, and Snakemake would delete it.
rule track:
    input:
        records(),
        [file for file in evaluations() if file.endswith(".csv")],
    output:
        results("records/tracked.json"),
    log:
        results("logs/track.log"),
    benchmark:
        results("benchmarks/track.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        records=records(),
        tables=[file for file in evaluations() if file.endswith(".csv")],
        benchmarks=results("benchmarks"),
        study=study.name,
        database=DATABASE,
        source=source("track.py"),
    script:
        "../scripts/track.py"


# All of the study on one page: tables, figures, displays, runs, and where each number comes from. From files alone.
rule report:
    input:
        [*records(), *tables(), *pictures()],
        pretrainings(f"{PRETRAIN}/metrics.parquet"),
        pretrainings(f"{PRETRAIN}/selected.json"),
        sweep_files(RUNS, "history.parquet", "validation.parquet", "measured.json"),
        displays=displays(),
        throughput=[results(f"throughput/{task}.parquet") for task in MEASURED if RUNS[task]],
        unusual=results("retrieval.csv"),
    output:
        results("report.html"),
    log:
        results("logs/report.log"),
    benchmark:
        results("benchmarks/report.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        study=study.model_dump(mode="json"),
        tables=tables(),
        figures=pictures(),
        runs=RUNS,
        pretrainings=list(reported_pretrainings()),
        records=records(),
        benchmarks=results("benchmarks"),
        source=source("report.py"),
    script:
        "../scripts/report.py"


# The records as runs in MLflow by hand, with whatever records are there: after the database was lost, or a server was away. Runs no other job.
use rule track as mlflow_import with:
    input:
        [],
    output:
        [],
    log:
        results("logs/mlflow_import.log"),
    benchmark:
        ""  # with one, Snakemake would run this rule only once


# Jobs that made the database side by side would spoil it.
onstart:
    prepare_tracking(DATABASE)
    watch(workflow)


onsuccess:
    print("", *closing_lines(), sep="\n", file=sys.stderr)


onerror:
    print("", f"Not finished. The logs of all jobs: {results('logs/')}", sep="\n", file=sys.stderr)
    print("Trainings keep their state: the same command goes on from there.", file=sys.stderr)
