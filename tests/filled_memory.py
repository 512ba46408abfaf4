"""Work that fills memory and gives it back, measured in a process that has done nothing else."""

from panda_lartpc.evaluation.throughput import Work, measure

MEGABYTE = 1_000_000
PER_EVENT = 10  # megabytes


def filling(batch_events: int) -> Work:
    def run() -> None:
        b"\1" * (PER_EVENT * MEGABYTE * batch_events)

    return Work(run, 16, 160, "memory")


def grown(sizes: list[int]) -> dict[int, float]:
    """Megabytes that the passes took on top of what was taken before, by batch size."""
    found = measure(filling, sizes, passes=1)
    return {each.batch_events: (each.peak_bytes - each.before_bytes) / MEGABYTE for each in found}
