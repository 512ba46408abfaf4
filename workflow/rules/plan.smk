"""Before days are spent: what a study costs, and whether the cluster can run it. Targets by their names, never in `all`."""


include: "planned.smk"


# Jobs, GPU-hours and storage of each stage.
rule cost_plan:
    log:
        results("logs/cost_plan.log"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        work=lambda wildcards: planned_work(),
        source=source("cost_plan.py"),
    script:
        "../scripts/cost_plan.py"


# What the cluster lacks of all that the jobs will ask it for; fails where one of them would.
rule check_cluster:
    log:
        results("logs/check_cluster.log"),
    retries: 0  # what is missing stays so
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        work=lambda wildcards: planned_work(),
        asked=lambda wildcards: {name: asked_for(name) for name in SUBMITTED},
        executor=lambda wildcards: executor(),
        source=source("check_cluster.py"),
    script:
        "../scripts/check_cluster.py"
