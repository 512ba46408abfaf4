"""How fast the built-in simulation makes default events, on one and two processes, and where the time goes."""

import argparse
import cProfile
import multiprocessing
import pstats
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.simulate import BATCH_EVENTS, simulate_file

SETTINGS = SimulationSettings()
# Stages by the function whose cumulative time is theirs; those with a blank in front are parts of transport.
STAGES = {
    "generate": "draw_primaries",
    "transport": "transport",
    "  charged particles": "step_charged",
    "  photons: flight": "fly_photons",
    "  photons: interaction": "interact_photons",
    "  neutrons: flight": "fly_neutrons",
    "  neutrons: interaction": "interact_neutrons",
    "  stopped particles": "_come_to_rest",
    "  tables, once": "charged_tables",
    "voxelise": "sum_in_voxels",
    "label: touching tracks": "touching_pairs",
    "label: fragments, all": "build_fragments",
    "label: owners": "own_voxels",
    "label: tables of events": "raw_event",
}


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200, help="events per measurement")
    n_events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write(path, 0, BATCH_EVENTS)  # imports and tables are paid for before the clock runs
        print(f"{'processes':>9} {'events':>7} {'s':>7} {'events/s':>9} {'s per 1,000':>12}")
        for processes, seconds in ((1, timed(lambda: write(path, 0, n_events))), (2, in_two_processes(path, n_events))):
            print(
                f"{processes:9} {n_events:7} {seconds:7.1f} {n_events / seconds:9.1f} {1000 * seconds / n_events:12.0f}"
            )
        print(f"\n{'events':>7} {'s per event':>12}    one process")
        for n in (50, 200):
            print(f"{n:7} {timed(lambda n=n: write(path, 0, n)) / n:12.4f}")
        print_profile(path, n_events)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nmost memory of one process: {peak:.0f} MB")


def write(folder: Path, first: int, n_events: int) -> None:
    """Simulate events of the default settings into a file."""
    simulate_file(folder / f"{first}.h5", SETTINGS, "train", first, n_events)


def timed(work: Callable[[], object]) -> float:
    """Wall time of one call, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_two_processes(folder: Path, n_events: int) -> float:
    """Wall time of two processes that share the events, their start included, as two jobs would."""
    half = -(-n_events // (2 * BATCH_EVENTS)) * BATCH_EVENTS  # whole batches: none is simulated twice
    shares = [(folder, 0, half), (folder, half, n_events - half)]
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=write, args=share) for share in shares if share[2]]

    def run() -> None:
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()

    return timed(run)


def print_profile(folder: Path, n_events: int) -> None:
    """Share of the time by stage; profiling itself slows the many small calls down."""
    profile = cProfile.Profile()
    profile.runcall(write, folder, 0, n_events)
    times: dict[str, float] = {}
    for (_, _, function), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items():
        times[function] = max(times.get(function, 0.0), cumulative)
    total = times["simulate_file"]
    simulated = sum(times[name] for name in ("draw_primaries", "transport", "sum_in_voxels", "label_events"))
    print(f"\n{'stage':26} {'ms per event':>12} {'share':>7}    with the profiler on")
    rows = [(stage, times.get(function, 0.0)) for stage, function in STAGES.items()]
    for stage, seconds in [*rows, ("write the file", total - simulated)]:
        print(f"{stage:26} {1000 * seconds / n_events:12.2f} {seconds / total:7.1%}")


if __name__ == "__main__":
    main()
