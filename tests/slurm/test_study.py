"""A study whose jobs Slurm loses in every way that it can ends with the tables of one that nothing happened to."""

import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from slurm_cluster import Driver, Training, end_of, jobs_of, show_job, slurm, wait_until
from small_project import Project

pytestmark = pytest.mark.slurm

SITE = """\
cpu_partition: cpu
gpu_partition: gpu
account: null
ask_for_gpus_by: gres
gpu_model: a100
gpus_per_node: 1
cpus_per_gpu: 1
max_hours: 24
gpus: {pretrain: 2, semantic: 1, panoptic: 1, other: 1}
"""
# Makes jobs fail at first: a minute for semantic runs, with a warning shortly before; too little memory for probes.
TOO_LITTLE = {
    'training(site["gpus"]["semantic"])': 'training(site["gpus"]["semantic"], h=1 / 60)',
    "--signal=TERM@120": "--signal=TERM@5",
    'probe: ?gpus(site["gpus"]["other"], gb=16, h=4)': 'probe: ?gpus(site["gpus"]["other"], gb=0.3, h=4)',
}
RUN = "fractions: ['100'], event_samples: 80"
CONFIG = (
    "name=slurm",
    "simulation={events: {train: 16, val: 8, test: 8}, events_per_file: 16, n_voxels: 256}",
    "pretrain={objectives: [distillation], event_samples: 80}",
    f"finetune={{semantic: {{rows: [scratch/full, distillation-pt-100/linear], {RUN}}}, kinematics: {{rows: []}}, "
    f"particle: {{rows: [distillation-pt-100/decoder], {RUN}}}, "
    f"interaction: {{rows: [distillation-pt-100/decoder], {RUN}}}}}",
)
RESULTS = Path("results/slurm")
TABLES = [str(RESULTS / f"tables/table-{n}.csv") for n in (1, 2, 3, 4)]
PRETRAINING = "pretrain/distillation/pt-100/seed-0"
SCRATCH = "finetune/semantic/scratch/full/ft-100/seed-0"
LINEAR = "finetune/semantic/distillation-pt-100/linear/ft-100/seed-0"
PARTICLE = "finetune/particle/distillation-pt-100/decoder/ft-100/seed-0"
INTERACTION = "finetune/interaction/distillation-pt-100/decoder/ft-100/seed-0"
LOGS = {
    PRETRAINING: "logs/pretrain/distillation_pt-100_seed-0.log",
    **{run: f"logs/finetune/{'_'.join(run.split('/')[1:])}.log" for run in (SCRATCH, LINEAR, PARTICLE, INTERACTION)},
}


@dataclass
class Study:
    """The study on the cluster, and which job each misfortune has met."""

    project: Project

    def log(self, run: str) -> str:
        """What the log of a run says now; nothing before its job has begun."""
        file = self.project.folder / RESULTS / LOGS[run]
        return file.read_text(errors="replace") if file.exists() else ""

    def halted(self, run: str) -> Training:
        """A run, halted as soon as it has saved a state."""
        return Training.halted(self.project.folder / RESULTS / "state" / run)

    def start(self, *targets: str) -> None:
        """Start Snakemake, on its way to some results."""
        self.driver = Driver(self.project, CONFIG, *targets)

    # What happens to jobs. Each gives the number of the job that it met.

    def driver_killed(self) -> tuple[str, str]:
        """Snakemake dies, and is started again while its job still runs; also what is said to the second job."""
        self.start(str(RESULTS / PRETRAINING / "metrics.parquet"))
        run = self.halted(PRETRAINING)
        self.driver.kill()
        self.project.snakemake("--unlock", config=CONFIG, profile="slurm")
        self.start(*TABLES)
        wait_until(lambda: "another process trains here" in self.log(PRETRAINING), "the second job to be refused")
        refused = self.log(PRETRAINING)
        slurm("scancel", run.job)
        return run.job, refused

    def past_its_limit(self) -> str:
        """A job does nothing until its time is over."""
        run = self.halted(SCRATCH)
        run.kept_halted()
        end_of(run.job, "TIMEOUT")
        return run.job

    def warned(self) -> tuple[str, str]:
        """A job is warned before its time is over; also what it says."""
        run = self.halted(LINEAR)
        end_of(run.job, "FAILED")
        return run.job, self.log(LINEAR)

    def requeued(self) -> str:
        """A job is put back into the queue."""
        run = self.halted(PARTICLE)
        slurm("scontrol", "requeue", run.job)
        return run.job

    def node_lost(self, meanwhile: list[Future]) -> str:
        """The node of a job goes down, once nothing else is about to happen there, and comes back."""
        run = self.halted(INTERACTION)
        for each in meanwhile:
            each.result()
        node = show_job(run.job)["NodeList"]
        slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        (other,) = {"tn1", "tn2"} - {node}  # not sooner: a node that still ends a job does not take it again
        wait_until(lambda: show_job(run.job)["NodeList"] == other, "the job to start on the other node")
        slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
        return run.job


@dataclass(frozen=True)
class Ended:
    """The study when all has happened: the project, and what each misfortune has given."""

    study: Study
    killed: tuple[str, str]
    past_its_limit: str
    warned: tuple[str, str]
    requeued: str
    node_lost: str


@pytest.fixture(scope="module")
def ended(cluster, tmp_path_factory) -> Ended:
    project = Project(tmp_path_factory.mktemp("study"), {})
    (project.folder / "profiles/slurm/site.yaml").write_text(SITE)
    profile = project.folder / "profiles/slurm/config.yaml"
    for enough, too_little in TOO_LITTLE.items():
        assert enough in profile.read_text()
        profile.write_text(profile.read_text().replace(enough, too_little))
    study = Study(project)
    try:
        killed = study.driver_killed()
        with ThreadPoolExecutor() as threads:
            happens = [threads.submit(each) for each in (study.past_its_limit, study.warned, study.requeued)]
            lost = threads.submit(study.node_lost, happens)
            study.driver.finish([*happens, lost])
    finally:
        study.driver.kill()
    return Ended(study, killed, *(each.result() for each in (*happens, lost)))


def test_the_tables_are_those_of_a_study_on_one_machine(ended, tmp_path):
    local = Project(tmp_path, {})
    local.snakemake(*TABLES, "--set-resources", "pretrain:processes=2", config=CONFIG)
    for table in TABLES:
        assert (ended.study.project.folder / table).read_bytes() == (local.folder / table).read_bytes(), table


def test_slurm_was_asked_for_what_the_profile_says(ended):
    simulate, pretrain, finetune = (jobs_of(rule)[0] for rule in ("simulate", "pretrain", "finetune"))
    everywhere = {"Requeue": "1", "Restarts": "0"}
    small = {"Partition": "cpu", "MinMemoryNode": "4000M", "TimeLimit": "02:00:00", "NumNodes": "1", "NumCPUs": "1"}
    assert (everywhere | small).items() <= simulate.items()
    assert "TresPerNode" not in simulate
    large = {"Partition": "gpu", "MinMemoryNode": "16000M", "TimeLimit": "1-00:00:00", "NumNodes": "2", "NumTasks": "2"}
    assert (everywhere | large | {"TresPerNode": "gres:gpu:a100:1"}).items() <= pretrain.items()
    assert {"Partition": "gpu", "TresPerNode": "gres:gpu:a100:1", "NumNodes": "1"}.items() <= finetune.items()
    assert all(job["JobName"].startswith("panda_") for job in (simulate, pretrain, finetune))
    submitted = {"simulate": 3, "ingest": 3, "threshold": 3, "select": 0, "table1": 0}
    assert {rule: len(jobs_of(rule)) for rule in submitted} == submitted


def test_a_job_that_memory_has_killed_gets_more(ended):
    first, *_, last = jobs_of("probe")
    assert (first["MinMemoryNode"], first["JobState"]) == ("300M", "FAILED")
    assert last["MinMemoryNode"] in ("600M", "900M")
    assert last["JobState"] == "COMPLETED"


def test_a_second_copy_of_a_training_is_refused(ended):
    first, refused = ended.killed
    assert f"Slurm job {first})" in refused
    assert show_job(first)["JobState"] == "CANCELLED"
    assert [job["JobState"] for job in jobs_of("pretrain")] == ["CANCELLED", "FAILED", "COMPLETED"]
    assert "going on at event-sample" in ended.study.log(PRETRAINING)


def test_a_job_past_its_limit_is_gone_on_with_in_more_time(ended):
    times = [job["TimeLimit"] for job in jobs_of("finetune") if job["TimeLimit"] < "00:05:00"]
    assert sorted(times)[:4] == ["00:01:00", "00:01:00", "00:02:00", "00:02:00"]
    assert "going on at event-sample" in ended.study.log(SCRATCH)


def test_a_warned_job_saves_and_goes_on_there(ended):
    _, said = ended.warned
    saved = re.search(r"stopped by SIGTERM at event-sample (\d+) of 80", said)[1]
    gone_on = re.search(r"going on at event-sample (\d+) of 80", ended.study.log(LINEAR))[1]
    assert int(gone_on) >= int(saved) >= 40  # later, where a slow machine has needed a third job


def test_a_requeued_job_and_one_of_a_lost_node_keep_their_number(ended):
    for job, run in ((ended.requeued, PARTICLE), (ended.node_lost, INTERACTION)):
        found = show_job(job)
        assert found["JobState"] == "COMPLETED"
        assert int(found["Restarts"]) >= 1  # the node that is lost may be that of the other, too
        assert "going on at event-sample" in ended.study.log(run)
