"""Events: from the generator or from the user's files, through the raw stores, to the thresholded stores."""


# One file of simulated events, in the layout of PILArNet-M v3.
rule simulate:
    output:
        hdf5="results/{study}/hdf5/{split}/{file}.h5",
        points="results/{study}/hdf5/{split}/{file}_points.npy",
        record="results/{study}/records/simulate/{split}/{file}.json",
    log:
        "results/{study}/logs/simulate/{split}_{file}.log",
    benchmark:
        "results/{study}/benchmarks/simulate/{split}_{file}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.simulation.model_dump(mode="json", exclude={"events", "events_per_file"}),
        events=lambda wildcards: SIMULATED[wildcards.split][wildcards.file],
        source=source("simulate.py"),
    script:
        "../scripts/simulate.py"


# One file of a published data set, with the checksum of the settings or else the host's. Here, because nodes of a cluster
# often have no way to the internet.
rule download:
    output:
        file="results/{study}/download/{split}/{name}",
        record="results/{study}/records/download/{split}/{name}.json",
    log:
        "results/{study}/logs/download/{split}_{name}.log",
    benchmark:
        "results/{study}/benchmarks/download/{split}_{name}.tsv"
    wildcard_constraints:
        name=r"[\w.-]+",
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.data.download.model_dump(mode="json", exclude={"files"}),
        path="{split}/{name}",
        sha256=lambda wildcards: DOWNLOADED[wildcards.split].get(wildcards.name, ""),
        source=source("download.py"),
    script:
        "../scripts/download.py"


# Every deposit of one file, losslessly, in a sharded store. One job a file: the HDF5 files of PILArNet-M have 50,000 to
# 196,200 events, minutes of work each, ten jobs in all; and a file that has changed is the only one read again.
rule ingest:
    input:
        file=event_file,
        points=points_file,
    output:
        store=directory("results/{study}/raw/{split}/{file}.zarr"),
        record="results/{study}/records/ingest/{split}/{file}.json",
    log:
        "results/{study}/logs/ingest/{split}_{file}.log",
    benchmark:
        "results/{study}/benchmarks/ingest/{split}_{file}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.data.model_dump(mode="json", include={"bad_events"}),
        source=source("ingest.py"),
    script:
        "../scripts/ingest.py"


# The points above threshold of a split's events that have enough of them, and the index of these events.
rule threshold:
    input:
        stores=raw_stores,
    output:
        store=directory("results/{study}/points/{split}.zarr"),
        index="results/{study}/points/{split}.events.parquet",
        record="results/{study}/records/threshold/{split}.json",
    log:
        "results/{study}/logs/threshold/{split}.log",
    benchmark:
        "results/{study}/benchmarks/threshold/{split}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.data.model_dump(
            mode="json", include={"min_energy_mev", "min_points", "min_points_after", "bad_events"}
        ),
        source=source("threshold.py"),
    script:
        "../scripts/threshold.py"
