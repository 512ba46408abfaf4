"""Show the first events of a split on one page. Called by rule `event_display`."""

from pathlib import Path

from panda_lartpc.data.store import PointStore
from panda_lartpc.report.event_display import write_event_page
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    settings, store = snakemake.params.settings, PointStore(Path(snakemake.input.store))
    events = [store.event(i) for i in range(min(settings["n_events"], len(store)))]
    note = f"The first {len(events)} of the {len(store)} events of split {settings['split']}, points above threshold."
    write_event_page(events, Path(snakemake.output.page), title=snakemake.params.title, note=note)
