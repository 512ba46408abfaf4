"""Tables and figures of fine-tuned networks. Where a study has no runs for one, it is not part of `all`."""


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
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
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
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=RUNS["semantic"],
        source=source("table2.py"),
    script:
        "../scripts/table2.py"


# Particles and interactions from frozen encoders, by share of labels (Table 3).
rule table3:
    input:
        sweep_files(PANOPTIC, "metrics.json", "events.parquet"),
    output:
        csv=results("tables/table-3.csv"),
        md=results("tables/table-3.md"),
        tex=results("tables/table-3.tex"),
    log:
        results("logs/table3.log"),
    benchmark:
        results("benchmarks/table3.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs={task: RUNS[task] for task in PANOPTIC},
        source=source("table3.py"),
    script:
        "../scripts/table3.py"


# Particles and interactions with the most labels (Table 4).
rule table4:
    input:
        sweep_files(PANOPTIC, "metrics.json", "events.parquet"),
    output:
        csv=results("tables/table-4.csv"),
        md=results("tables/table-4.md"),
        tex=results("tables/table-4.tex"),
    log:
        results("logs/table4.log"),
    benchmark:
        results("benchmarks/table4.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs={task: RUNS[task] for task in PANOPTIC},
        source=source("table4.py"),
    script:
        "../scripts/table4.py"


# Momentum, direction and vertex with the most labels.
rule table_kinematics:
    input:
        sweep_files(KINEMATICS, "metrics.json", "instances.parquet"),
    output:
        csv=results("tables/kinematics.csv"),
        md=results("tables/kinematics.md"),
        tex=results("tables/kinematics.tex"),
    log:
        results("logs/table_kinematics.log"),
    benchmark:
        results("benchmarks/table_kinematics.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs={task: RUNS[task] for task in KINEMATICS},
        source=source("table_kinematics.py"),
    script:
        "../scripts/table_kinematics.py"


# What the study finds, beside what was expected: pre-trained against untrained, scratch and masked autoencoding.
rule table_findings:
    input:
        sweep_files(FINDINGS, "metrics.json", "events.parquet", "validation.parquet"),
        pretrainings(f"{PROBE}/{{n}}.json"),
        pretrainings(f"{PROBE}/{{n}}.parquet"),
        pretrainings(f"{PRETRAIN}/selected.json"),
    output:
        csv=results("tables/findings.csv"),
        md=results("tables/findings.md"),
        tex=results("tables/findings.tex"),
    log:
        results("logs/table_findings.log"),
    benchmark:
        results("benchmarks/table_findings.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs={task: RUNS[task] for task in FINDINGS},
        probes=list(probes()),
        source=source("table_findings.py"),
    script:
        "../scripts/table_findings.py"


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
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=RUNS["semantic"],
        source=source("figure6.py"),
    script:
        "../scripts/figure6.py"


# ARI, purity and efficiency of the particles of one run (Figure 7).
rule figure7:
    input:
        shown_files(("particle",), "metrics.json", "events.parquet"),
    output:
        png=results("figures/figure-7.png"),
        pdf=results("figures/figure-7.pdf"),
    log:
        results("logs/figure7.log"),
    benchmark:
        results("benchmarks/figure7.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=shown("particle"),
        source=source("figure7.py"),
    script:
        "../scripts/figure7.py"


# What the particles that one run finds are taken for (Figure 8).
rule figure8:
    input:
        shown_files(("particle",), "metrics.json", "events.parquet"),
    output:
        png=results("figures/figure-8.png"),
        pdf=results("figures/figure-8.pdf"),
    log:
        results("logs/figure8.log"),
    benchmark:
        results("benchmarks/figure8.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=shown("particle"),
        source=source("figure8.py"),
    script:
        "../scripts/figure8.py"


# ARI, purity and efficiency against the number of interactions, of one run (Figure 9).
rule figure9:
    input:
        shown_files(("interaction",), "metrics.json", "events.parquet"),
    output:
        png=results("figures/figure-9.png"),
        pdf=results("figures/figure-9.pdf"),
    log:
        results("logs/figure9.log"),
    benchmark:
        results("benchmarks/figure9.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs=shown("interaction"),
        source=source("figure9.py"),
    script:
        "../scripts/figure9.py"


# Validation scores against event-samples (Figure 10).
rule figure10:
    input:
        sweep_files(CURVES, "metrics.json", "validation.parquet"),
    output:
        png=results("figures/figure-10.png"),
        pdf=results("figures/figure-10.pdf"),
    log:
        results("logs/figure10.log"),
    benchmark:
        results("benchmarks/figure10.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs={task: RUNS[task] for task in CURVES},
        source=source("figure10.py"),
    script:
        "../scripts/figure10.py"


# Deviations of momentum, direction and vertex of one run, and their predicted uncertainties.
rule figure_kinematics:
    input:
        shown_files(KINEMATICS, "metrics.json", "events.parquet", "instances.parquet"),
    output:
        png=results("figures/kinematics.png"),
        pdf=results("figures/kinematics.pdf"),
    log:
        results("logs/figure_kinematics.log"),
    benchmark:
        results("benchmarks/figure_kinematics.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        runs={task: shown(task) for task in KINEMATICS},
        source=source("figure_kinematics.py"),
    script:
        "../scripts/figure_kinematics.py"
