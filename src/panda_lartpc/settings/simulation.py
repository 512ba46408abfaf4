"""Settings of the built-in simulation: how many events, what happens in them, how large the box is."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from panda_lartpc.detector import N_VOXELS
from panda_lartpc.settings.section import Section

ParticleName = Literal["electron", "muon", "pion", "pi0", "proton", "photon"]


def _ascending(bounds: tuple) -> tuple:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the first number must not exceed the second, got {list(bounds)}")
    return bounds


CountRange = Annotated[
    tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=0, le=100)]], AfterValidator(_ascending)
]
KineticRange = Annotated[
    tuple[Annotated[float, Field(ge=1, le=20_000)], Annotated[float, Field(ge=1, le=20_000)]],
    AfterValidator(_ascending),
]


class EventCounts(Section):
    """Simulated events of each split."""

    train: int = Field(20_000, ge=1, description="events to pre-train and fine-tune on")
    val: int = Field(1_000, ge=1, description="events to probe and to choose on")
    test: int = Field(1_000, ge=1, description="events that the tables are made of")


class ParticleKind(Section):
    """One line of an interaction's table: which particles, how many, how energetic."""

    any_of: tuple[ParticleName, ...] = Field(
        min_length=1, description="each particle is one of these, equally likely, and of either charge where it has one"
    )
    number: CountRange = Field((0, 100), description="least and most particles of this line in one interaction")
    weight: float = Field(1, gt=0, description="chance of this line, relative to the others, to add the next particle")
    kinetic_mev: KineticRange = Field(description="kinetic energy, uniform between these (MeV)")


def _interactions(default: tuple[int, int]) -> tuple[int, int]:
    return Field(default, description="least and most interactions of this kind in one event; [0, 0] turns it off")


def _particles(default: tuple[int, int]) -> tuple[int, int]:
    return Field(default, description="least and most particles that leave one interaction")


def _inset(default: float) -> float:
    return Field(
        default,
        ge=-100,
        le=100,
        description="vertices are uniform in the box less this margin (cm); if negative, in a box larger by that much, "
        "and those outside fly towards it",
    )


def _table(*default: ParticleKind) -> tuple[ParticleKind, ...]:
    return Field(default, min_length=1, description="the lines that particles are drawn from")


class InteractionSettings(Section):
    """Interactions of one kind: each draws a number of particles and fills its table to that number.

    The default tables are those of the SBN generator, with energies and numbers lowered until the events had the size
    of PILArNet-M events: 4,300 points on average, 600 to 12,000 in nearly all of them, 40 % of those above threshold in
    showers.
    """

    interactions: CountRange = _interactions((0, 0))
    particles: CountRange = _particles((1, 1))
    inset_cm: float = _inset(0)
    table: tuple[ParticleKind, ...] = _table(ParticleKind(any_of=("muon",), kinetic_mev=(50, 1000)))

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        least, most = (sum(kind.number[i] for kind in self.table) for i in (0, 1))
        if least > self.particles[0] or most < self.particles[1]:
            raise ValueError(
                f"an interaction has {self.particles[0]} to {self.particles[1]} particles, but the table asks for at "
                f"least {least} and allows at most {most}; change particles or table.number"
            )
        return self


class VertexSettings(InteractionSettings):
    """Several particles from one vertex."""

    interactions: CountRange = _interactions((1, 1))
    particles: CountRange = _particles((2, 7))
    inset_cm: float = _inset(30)
    table: tuple[ParticleKind, ...] = _table(
        ParticleKind(any_of=("electron", "muon"), number=(0, 1), weight=3, kinetic_mev=(50, 1800)),
        ParticleKind(any_of=("pi0",), number=(0, 2), kinetic_mev=(50, 600)),
        ParticleKind(any_of=("pion",), number=(0, 2), kinetic_mev=(50, 700)),
        ParticleKind(any_of=("proton",), number=(0, 4), weight=3, kinetic_mev=(50, 600)),
        ParticleKind(any_of=("photon",), number=(0, 2), kinetic_mev=(50, 600)),
    )


class RainSettings(InteractionSettings):
    """Single particles that mostly come from outside."""

    interactions: CountRange = _interactions((0, 2))
    inset_cm: float = _inset(-20)
    table: tuple[ParticleKind, ...] = _table(
        ParticleKind(any_of=("muon",), weight=2, kinetic_mev=(50, 20_000)),
        ParticleKind(any_of=("muon",), weight=5, kinetic_mev=(50, 1000)),
        ParticleKind(any_of=("proton",), weight=1, kinetic_mev=(50, 600)),
    )


class InnerRainSettings(InteractionSettings):
    """Single particles that start inside."""

    interactions: CountRange = _interactions((0, 3))
    inset_cm: float = _inset(20)
    table: tuple[ParticleKind, ...] = _table(
        ParticleKind(any_of=("muon",), weight=5, kinetic_mev=(50, 1000)),
        ParticleKind(any_of=("proton",), weight=1, kinetic_mev=(50, 600)),
        ParticleKind(any_of=("photon",), weight=2, kinetic_mev=(50, 600)),
        ParticleKind(any_of=("electron",), weight=1, kinetic_mev=(50, 600)),
    )


class SingleParticle(Section):
    """One particle per event: for tests, teaching and calibration."""

    particle: ParticleName = Field("muon", description="which particle, of either charge where it has one")
    kinetic_mev: KineticRange = Field((100, 100), description="kinetic energy, uniform between these (MeV)")
    position: Literal["centre", "uniform"] = Field("uniform", description="start at the centre of the box, or anywhere")
    direction: Literal["isotropic", "along_x"] = Field("isotropic", description="first direction of flight")


class SimulationSettings(Section):
    """The built-in event generator (ours), after the multi-particle-vertex and rain generator behind PILArNet-M."""

    seed: int = Field(1, ge=0, lt=2**32, description="event e of a split is a function of these settings and e alone")
    events: EventCounts = Field(EventCounts(), description="simulated events of each split")
    events_per_file: int = Field(
        500, ge=1, description="events in one HDF5 file; each file is one job, which costs least at multiples of 50"
    )
    n_voxels: int = Field(N_VOXELS, ge=32, le=N_VOXELS, description="edge of the box (voxels of 3 mm)")
    delta_cut_mev: float = Field(
        0.35,
        ge=0.05,
        le=5,
        description="electrons knocked out with more kinetic energy (MeV) fly on their own; the energy of others stays "
        "on the track that made them. Lower is slower; 0.35 MeV is a range of half a millimetre",
    )
    vertex: VertexSettings = Field(VertexSettings(), description="several particles from one vertex")
    rain: RainSettings = Field(RainSettings(), description="single particles that mostly come from outside")
    inner_rain: InnerRainSettings = Field(InnerRainSettings(), description="single particles that start inside")
    single_particle: SingleParticle | None = Field(
        None, description="if given, each event is one particle of this kind, and the three tables are not used"
    )
