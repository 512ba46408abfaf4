"""Download one file of a published data set. Called by rule `download`."""

from pathlib import Path

from panda_lartpc.data.download import download
from panda_lartpc.provenance import save_record
from panda_lartpc.settings.download import DownloadSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    settings = read_section(DownloadSettings, params.settings)
    stated = download(settings, params.path, params.sha256, Path(output.file))
    print(f"{settings.repository}, {params.path}: licence as its card states it: {stated['licence'] or 'none stated'}")
    asked = {**params.settings, "path": params.path, "licence": stated["licence"], "sha256": stated["sha256"]}
    save_record(output.record, "download", asked, {"bytes": stated["n_bytes"]}, [], params.source)
