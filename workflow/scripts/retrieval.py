"""Show events like a given one, and the most unusual ones. Called by rule `retrieval`."""

from pathlib import Path

from panda_lartpc.data.embeddings import read_embeddings
from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.event_display import write_event_page
from panda_lartpc.report.retrieval_page import shown_names, write_retrieval_page
from panda_lartpc.report.similar import Stores, drawn_queries, retrieve
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, inputs, output = snakemake.params, snakemake.input, snakemake.output
    settings, embeddings = params.settings, read_embeddings(inputs.events)
    table = retrieve(embeddings, settings["neighbours"])
    with atomic_path(output.table) as temporary:
        flat = {name: table[name].map(lambda row: " ".join(map(str, row))) for name in ("neighbours", "distances")}
        table.assign(**flat).sort_values("rank").to_csv(temporary, index=False, float_format="%.6g")
    queries = drawn_queries(table, settings["shown_queries"], settings["seed"])
    unusual = table.nsmallest(settings["shown_unusual"], "rank")
    stores = Stores.open({"train": inputs.train, "test": inputs.test}, embeddings.labels)
    events = {event.name: event for event in stores.events(shown_names(queries, unusual))}
    displays = Path(output.displays)
    write_event_page(list(events.values()), displays, title=params.title, note="The events of retrieval.html.")
    topologies = dict(zip(embeddings.labels.name, embeddings.labels.topology, strict=True))
    write_retrieval_page(
        output.page, table, queries, unusual, events, topologies, params.title, params.note, displays.name
    )
