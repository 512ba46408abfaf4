"""Rows that stand in one figure can be told apart."""

from panda_lartpc.report.figures.looks import method_look
from panda_lartpc.report.tables.runs import Method


def test_an_untrained_encoder_does_not_look_like_training_from_scratch():
    control, scratch, panda = (
        method_look(Method(*row)) for row in (("scratch", "decoder"), ("scratch", "full"), ("distillation", "decoder"))
    )
    assert control["color"] == panda["color"] != scratch["color"]
    longer = method_look(Method("scratch", "full", 2))
    assert longer["color"] == scratch["color"]
    assert longer.items() - scratch.items() == {("fillstyle", "left")}
    assert control["marker"] == scratch["marker"] != panda["marker"]
