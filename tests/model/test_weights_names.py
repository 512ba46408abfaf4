"""One set of names for the weights of all formats."""

import pytest
import torch

from panda_lartpc.model.weights import canonical
from published_networks import newer_names, pretraining_state, random_state


def test_a_network_that_is_not_there_is_told():
    student = {name: weight for name, weight in pretraining_state().items() if name.startswith("student.")}
    with pytest.raises(ValueError, match=r"no weights of the teacher; the file holds those of the student"):
        canonical(student, "teacher")


def test_both_published_names_of_the_heads_become_one():
    for task in ("particle", "interaction"):
        first = random_state(task)
        newer = canonical(newer_names(first, task))
        assert newer.keys() == canonical(first).keys() == {name.removeprefix("backbone.") for name in first}
        assert torch.equal(newer["decoder.stuff_head.0.weight"], first["decoder.stuff_head.0.weight"])


def test_heads_of_two_tasks_in_one_file_are_refused():
    both = newer_names(random_state("particle"), "particle") | newer_names(random_state("interaction"), "interaction")
    with pytest.raises(ValueError, match=r"heads of interaction and particle in one file; expected those of one task"):
        canonical(both)


def test_names_that_would_hide_each_other_are_refused():
    with pytest.raises(ValueError, match=r"2 weights have only 1 names"):
        canonical({"enc.a": torch.ones(1), "backbone.enc.a": torch.ones(1)})
