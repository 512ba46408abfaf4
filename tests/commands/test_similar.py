import pytest

from embedded_events import EmbeddedStudy, make_study
from panda_lartpc.commands.cli import main


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> EmbeddedStudy:
    return make_study(tmp_path_factory.mktemp("embedded"))


def test_nearest_events_are_printed_and_shown(study, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["similar", str(study.folder), "file_51", "--neighbours", "3", "--output", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["distance", "name", "number", "topology", "points", "MeV"]
    names = [line.split()[1] for line in lines[1:4]]
    assert set(names) <= {f"file_{i}" for i in range(8)}
    assert [float(line.split()[0]) for line in lines[1:4]] == sorted(float(line.split()[0]) for line in lines[1:4])
    assert all(f'"name":"{name}"' in page.read_text() for name in ["file_51", *names])


def test_nearest_particles_have_their_species(study, capsys):
    particle = int(study.found.particles.labels.particle.iloc[-1])
    assert main(["similar", str(study.folder), "file_53", "--particle", str(particle), "--neighbours", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["distance", "name", "number", "particle", "species", "points", "MeV"]
    assert len(lines) == 3


def test_what_was_not_embedded_is_told_with_what_was(study, capsys):
    assert main(["similar", str(study.folder), "file_9"]) == 1
    assert (
        "has no event 'file_9', or no particle of it with enough points; it holds those of 12, such as file_53"
        in capsys.readouterr().err
    )
    assert main(["similar", str(study.folder), "file_53", "--particle", "77"]) == 1
    assert "file_53 has no embedded particle 77; it has [" in capsys.readouterr().err
    assert main(["similar", str(study.root), "file_51"]) == 1
    assert "no such file of embeddings; the rule `embed` makes it" in capsys.readouterr().err
