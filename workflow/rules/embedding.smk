"""What embeddings tell without training on labels: Figure 2, and events like a given one."""


# Embeddings of points, particles and events by one encoder: pre-trained, or untrained (`scratch`).
rule embed:
    input:
        weights=initial_weights,
        train="results/{study}/points/train.zarr",
        test="results/{study}/points/test.zarr",
    output:
        points=f"{EMBEDDING}/points.parquet",
        particles=f"{EMBEDDING}/particles.parquet",
        events=f"{EMBEDDING}/events.parquet",
    log:
        "results/{study}/logs/embed/{init}_seed-{s}.log",
    benchmark:
        "results/{study}/benchmarks/embed/{init}_seed-{s}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    params:
        settings=study.embedding.model_dump(include={"index_events", "test_events", "points", "seed"}),
        encoder=study.encoder.model_dump(mode="json"),
        geometry=study.geometry.model_dump(mode="json"),
        source=source("embed.py"),
    script:
        "../scripts/embed.py"


# Places of the points in a plane, apart from the figure: drawn anew, they stay where they are.
rule tsne:
    input:
        f"{EMBEDDING}/points.parquet",
    output:
        f"{EMBEDDING}/tsne.parquet",
    log:
        "results/{study}/logs/tsne/{init}_seed-{s}.log",
    benchmark:
        "results/{study}/benchmarks/tsne/{init}_seed-{s}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        perplexity=study.embedding.perplexity,
        seed=study.embedding.seed,
        source=source("tsne.py"),
    script:
        "../scripts/tsne.py"


# What the nearest points, particles and events tell of one, for every encoder.
rule table_embedding:
    input:
        [f"{folder}/{name}.parquet" for folder in EMBEDDED.values() for name in ("points", "particles", "events")],
    output:
        csv=results("tables/embedding.csv"),
        md=results("tables/embedding.md"),
        tex=results("tables/embedding.tex"),
        record=results("records/table_embedding.json"),
    log:
        results("logs/table_embedding.log"),
    benchmark:
        results("benchmarks/table_embedding.tsv")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        folders=EMBEDDED,
        neighbours=study.embedding.neighbours,
        seed=study.embedding.seed,
        source=source("table_embedding.py"),
    script:
        "../scripts/table_embedding.py"


# t-SNE of the embeddings of points, by motif and by species (Figure 2): pre-trained above, untrained below.
rule figure2:
    input:
        tsne=[f"{EMBEDDED[name]}/tsne.parquet" for name in SHOWN_ENCODERS],
        table=results("tables/embedding.csv"),
    output:
        png=results("figures/figure-2.png"),
        pdf=results("figures/figure-2.pdf"),
        html=results("figures/figure-2.html"),
    log:
        results("logs/figure2.log"),
    benchmark:
        results("benchmarks/figure2.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        encoders=SHOWN_ENCODERS,
        title=f"Figure 2: embeddings of points, study “{study.name}”",
        source=source("figure2.py"),
    script:
        "../scripts/figure2.py"


# Test events with the training events nearest to them, and the most unusual test events.
rule retrieval:
    input:
        events=f"{EMBEDDED[SHOWN_ENCODERS[0]]}/events.parquet",
        train=results("points/train.zarr"),
        test=results("points/test.zarr"),
    output:
        page=results("retrieval.html"),
        displays=results("retrieval-events.html"),
        table=results("retrieval.csv"),
    log:
        results("logs/retrieval.log"),
    benchmark:
        results("benchmarks/retrieval.tsv")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    params:
        settings=study.embedding.model_dump(include={"neighbours", "shown_queries", "shown_unusual", "seed"}),
        title=f"Events like this one, study “{study.name}”",
        note=f"Embeddings by the encoder {SHOWN_ENCODERS[0]}; tables/embedding.md says how far they can be trusted.",
        source=source("retrieval.py"),
    script:
        "../scripts/retrieval.py"
