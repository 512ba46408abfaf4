"""Settings of the panoptic head."""

import pytest

from panda_lartpc.settings.panoptic import (
    INTERACTION,
    PAPER_INFERENCE,
    PAPER_LOSS,
    PARTICLE,
    RELEASED_INFERENCE,
    RELEASED_LOSS,
    PanopticHeadSettings,
)
from panda_lartpc.settings.section import ConfigError, read_section


def test_the_published_heads_differ_in_classes_queries_and_projection_alone():
    particle, interaction = PARTICLE.model_dump(), INTERACTION.model_dump()
    assert {key for key in particle if particle[key] != interaction[key]} == {
        "n_classes",
        "stuff_classes",
        "n_queries",
        "mlp_point_projection",
    }
    assert (PARTICLE.n_queries, PARTICLE.n_classes, PARTICLE.stuff_classes) == (32, 6, (5,))
    assert (INTERACTION.n_queries, INTERACTION.n_classes, INTERACTION.stuff_classes) == (12, 2, (0,))


def test_the_paper_differs_from_the_code_in_class_weights_and_in_thresholds():
    assert RELEASED_LOSS.average_class_terms
    assert RELEASED_LOSS.model_copy(update={"average_class_terms": False}) == PAPER_LOSS
    assert (PAPER_INFERENCE.class_threshold, PAPER_INFERENCE.score_threshold) == (0, 0)
    assert RELEASED_INFERENCE.model_copy(update={"class_threshold": 0, "score_threshold": 0}) == PAPER_INFERENCE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 7}, r"256 channels are no multiple of 7 heads"),
        ({"stuff_classes": (6,)}, r"stuff classes \[6\] do not exist; classes are 0 to 5"),
        ({"mask_of_blok": "after"}, r"mask_of_blok: unknown key; did you mean mask_of_block\?"),
        ({"n_queries": 0}, r"n_queries: got 0; input should be greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        read_section(PanopticHeadSettings, PARTICLE.model_dump() | change)
