"""What the neighbours of points, particles and events tell, as a table. Called by rule `table_embedding`."""

from panda_lartpc.provenance import save_record
from panda_lartpc.report.tables.embedding import embedding_layout, embedding_table
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    frame = embedding_table(params.folders, params.neighbours, params.seed)
    write_table(frame, [embedding_layout(frame, params.neighbours)], output.csv, output.md, output.tex)
    numbers = {f"{line.encoder}_{line.measure}_percent": line.percent for line in frame.itertuples()}
    settings = {"neighbours": params.neighbours, "seed": params.seed}
    save_record(output.record, "table_embedding", settings, numbers, [], params.source)
