"""One whole forward of self-distillation against the published code: two events, two global and three local views."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.grid import CENTRE_VOX, HALF_DIAGONAL_VOX, cells, event_of_point
from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.pretraining.objective import prototype_loss
from panda_lartpc.pretraining.pairs import pairs_of_batch, pooled, principal_points
from panda_lartpc.pretraining.sinkhorn import sinkhorn
from panda_lartpc.pretraining.student import Student
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.views.views import ViewBatch, Views


def in_voxels(normalised: torch.Tensor) -> torch.Tensor:
    return (normalised.double() * HALF_DIAGONAL_VOX + CENTRE_VOX).float()


class Published:
    """The published run: settings, networks with its weights, and its views as ours."""

    def __init__(self, folder: Path):
        self.io = load_file(folder / "sonata_tiny.io.safetensors")
        self.run = json.loads((folder / "sonata_tiny.json").read_text())
        backbone, config = self.run["backbone"], self.run["config"]
        encoder = EncoderSettings(
            channels=backbone["enc_channels"], depths=backbone["enc_depths"], head_dim=16, drop_path=0
        )
        distillation = {
            "hidden_channels": config["head_hidden_channels"],
            "embedding_channels": config["head_embed_channels"],
            "n_prototypes": config["head_num_prototypes"],
            "up_cast_level": config["up_cast_level"],
            "match_radius_vox": config["match_max_r"] * HALF_DIAGONAL_VOX,
        }
        self.settings = PretrainSettings(
            recipe="released",
            views={"n_local": config["num_local_view"]},
            distillation=distillation,
            optimiser={"precision": "float32"},
        )
        weights = load_file(folder / "sonata_tiny.weights.safetensors")
        self.student, self.teacher = (self._network(encoder, weights, name) for name in ("student", "teacher"))
        teacher = self._views("global", self.io["input.global_coord"])
        # positions of masked points are changed in the features, too
        student = self._views("global", self.io["mask_global_coord"], self.io["global_mask"])
        self.batch = ViewBatch(
            BatchPlan(0, (0, 1)), teacher, student, self._views("local", self.io["input.local_coord"])
        )

    def _network(self, encoder: EncoderSettings, weights: dict[str, torch.Tensor], name: str) -> Student:
        network = Student(encoder, self.settings).eval()
        own = {key.removeprefix(f"{name}."): weight for key, weight in weights.items() if key.startswith(name)}
        network.load_state_dict({key.replace("backbone.", "encoder."): weight for key, weight in own.items()})
        return network

    def _views(self, kind: str, coord: torch.Tensor, masked: torch.Tensor | None = None) -> Views:
        offset = torch.cat([torch.zeros(1, dtype=torch.long), self.io[f"input.{kind}_offset"]])
        cell = cells(in_voxels(coord), offset, "released", origin="batch")
        depth = (int(cell.max()) + 1).bit_length()
        pyramid = Pyramid.build(cell, offset, depth=depth, strides=self.run["backbone"]["stride"], patch_size=64)
        return Views(
            pyramid.sort(self.io[f"input.{kind}_feat"]),
            pyramid.sort(in_voxels(self.io[f"input.{kind}_origin_coord"])),
            None if masked is None else pyramid.sort(masked),
            pyramid,
        )


@pytest.fixture(scope="module")
def published(reference_data: Path) -> Published:
    return Published(reference_data / "reference")


def published_order(views: Views, level: int) -> torch.Tensor:
    """Rows of the points of a level in the published order: by view, x, y, z."""
    cell, offset = views.pyramid.levels[level].cell, views.pyramid.levels[level].offset
    keys = torch.stack([event_of_point(offset, len(cell)), *cell.unbind(1)], dim=1)
    return torch.tensor(sorted(range(len(keys)), key=lambda row: keys[row].tolist()))


def published_pairs(run: Published, term: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Our rows of the matched points of a term, the student's and the teacher's, in the published order."""
    queries, partners = run.io[f"{term}.match_index"].long().unbind(1)
    teacher = published_order(run.batch.teacher, 1)
    view = pooled(run.batch.teacher, 1).view[teacher]
    match term:
        case "roll":  # numbered with the views of each event exchanged
            teacher = teacher[(view ^ 1).argsort(stable=True)]
        case "unmask":  # numbered among the points of principal views
            teacher = teacher[view % 2 == 0]
    return published_order(run.batch.local if term == "unmask" else run.batch.student, 1)[queries], teacher[partners]


@pytest.mark.parametrize(("published_term", "term"), [("mask", "mask"), ("roll", "rolled_mask"), ("unmask", "local")])
def test_matched_points_are_the_published_ones(published, published_term, term):
    """But for points with two nearest ones, of which the published search takes any."""
    ours = pairs_of_batch(published.batch, published.settings.distillation)[term]
    students, teachers = published_pairs(published, published_term)
    assert len(students) == len(ours.student) == published.run["n_match"][published_term]
    row = students.argsort()
    assert torch.equal(students[row], ours.student)
    own = principal_points(published.batch.teacher, 1)[ours.teacher] if term == "local" else ours.teacher
    position = pooled(published.batch.teacher, 1).position_vox
    query = pooled(published.batch.local if term == "local" else published.batch.student, 1).position_vox[ours.student]
    differ = own != teachers[row]
    assert differ.sum() < 0.05 * len(own)
    distances = [(query - position[partner]).norm(dim=1)[differ] for partner in (own, teachers[row])]
    torch.testing.assert_close(*distances, rtol=0, atol=1e-3)


def test_teacher_and_student_answer_as_the_published_ones(published):
    with torch.no_grad():
        features = {
            "teacher.mask_head": published.teacher.features(published.batch.teacher),
            "student.mask_head": published.student.features(published.batch.student),
            "student.unmask_head": published.student.features(published.batch.local),
        }
        rows = {
            "teacher.mask_head": published_order(published.batch.teacher, 1),
            "student.mask_head": published_order(published.batch.student, 1),
            "student.unmask_head": published_order(published.batch.local, 1),
        }
        for name, values in features.items():
            network, head = name.split(".")
            scores = getattr(published, network).get_submodule(head)(values)
            for key, got in (("feat_in", values), ("sim", scores)):
                expected = published.io[f"{name}.{key}"]
                got = got[rows[name]][: len(expected)]
                assert float((got - expected).norm() / expected.norm()) < 1e-5, (name, key)


def test_losses_are_the_published_ones(published):
    """On the published pairs, so that ties do not matter."""
    run, batch = published, published.batch
    pairs = pairs_of_batch(batch, run.settings.distillation)
    with torch.no_grad():
        features = run.teacher.features(batch.teacher)
        told = run.teacher.scores(features, features)
        said = run.student(batch.student, batch.local, None)
    losses = {}
    for theirs, term in (("mask", "mask"), ("roll", "rolled_mask"), ("unmask", "local")):
        students, teachers = published_pairs(run, theirs)
        own = replace(pairs[term], student=students, teacher=teachers)
        view = pooled(batch.local if term == "local" else batch.student, 1).view[students]
        own = replace(own, view=view)
        targets = sinkhorn(told[term][teachers], run.run["teacher_temp"], 3, lambda values: values)
        if term == "mask":
            torch.testing.assert_close(targets[:64], run.io["mask.sinkhorn_target"], rtol=1e-3, atol=1e-5)
        losses[theirs] = prototype_loss(said[term], targets, own, run.run["config"]["student_temp"])
    for theirs, result in (("mask", "mask_loss"), ("roll", "roll_mask_loss"), ("unmask", "unmask_loss")):
        assert float(losses[theirs]) == pytest.approx(run.run["results"][result], rel=1e-5)
    settings = run.settings.distillation
    total = settings.mask_weight * losses["mask"] + settings.rolled_mask_weight * losses["roll"]
    assert float(total + settings.local_weight * losses["unmask"]) == pytest.approx(
        run.run["results"]["loss"], rel=1e-5
    )
