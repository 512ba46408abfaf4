"""What `cost_plan` and `check_cluster` are told of the study and of the profile. No rules here."""

from snakemake.iocontainers import InputFiles, Wildcards

# Rules whose jobs a cluster gets, with wildcards that stand for all of their jobs.
SUBMITTED = {
    **({"simulate": {}, "validate_simulation": {}} if study.data.source == "simulated" else {}),
    **{name: {} for name in ("ingest", "threshold", "pretrain", "probe", "embed", "tsne", "table_embedding")},
    **{f"finetune {task}": {"task": task} for task in RUNS if RUNS[task] and task not in KINEMATICS},
    **{f"finetune_kinematics {task}": {"task": task} for task in KINEMATICS if RUNS[task]},
    **({"predictions": {}, "throughput": {}} if any(RUNS.values()) else {}),
}


def asked_for(name):
    """What the profile asks a cluster for on the first attempt: resources by name."""
    wildcards = Wildcards(fromdict={"study": study.name, **SUBMITTED[name]})
    resources = getattr(rules, name.split()[0]).rule.expand_resources(wildcards, InputFiles(), attempt=1)
    return {key: value for key, value in resources.items() if isinstance(value, (int, str))}


def event_files():
    """Event files that are there by split; none where the workflow simulates them."""
    if study.data.source == "simulated":
        return {}
    return {split: [file for file in FILES[split].values() if Path(file).exists()] for split in SPLITS}


def planned_work():
    """What `cost_plan` counts."""
    n_files = sum(map(len, FILES.values()))
    folders = {tuple(run[-1].split("/")[2:]) for task in RUNS for run in RUNS[task]}  # finetune/task/init/ending/...
    n_pretrainings = len(pretrainings(f"{PRETRAIN}/metrics.parquet"))
    return {
        "jobs": {
            "simulate": n_files if study.data.source == "simulated" else 0,
            "ingest": n_files,
            "threshold": len(SPLITS),
            "probe": n_pretrainings,
            "embed": len(EMBEDDED),
            "predictions": int(any(RUNS.values())),
        },
        "runs": [parts[1:4] for parts in sorted(folders)],
        "files": event_files(),
        "devices": {
            name.split()[-1]: asked_for(name).get("processes", 1)
            for name in SUBMITTED
            if name.startswith(("pretrain", "finetune"))
        },
    }


def executor():
    """How the profile has Snakemake watch its jobs, and how often it tries them."""
    slurm = workflow.executor_settings
    return {
        "status_command": getattr(slurm, "status_command", None) or "sacct",  # the plugin's choice
        "init_seconds": getattr(slurm, "init_seconds_before_status_checks", None) or 40,  # the plugin's, too
        "attempts": 1 + (workflow.execution_settings.retries or 0),
    }
