"""Settings of what is asked of embeddings: Figure 2, and events like a given one (Panda Figure 2, section 5)."""

from pydantic import Field

from panda_lartpc.settings.section import Section


class EmbeddingSettings(Section):
    """Embeddings of points, particles and events by the encoder that pre-training gives, and by an untrained one."""

    index_events: int = Field(
        10_000, ge=2, description="first training events, among which events like a given one are looked for"
    )
    test_events: int = Field(
        1_000,
        ge=2,
        description="first test events: points of Figure 2 (the paper: 1,000), and queries of the retrieval",
    )
    points: int = Field(
        50_000, ge=100, description="points of Figure 2, equally many of each motif as far as there are any"
    )
    perplexity: float = Field(30, ge=2, le=500, description="of t-SNE: about how many neighbours of a point count")
    neighbours: int = Field(10, ge=1, le=1000, description="nearest points, particles or events that are asked")
    shown_queries: int = Field(4, ge=1, le=20, description="test events drawn with their nearest training events")
    shown_unusual: int = Field(5, ge=1, le=20, description="most unusual test events drawn")
    seed: int = Field(0, ge=0, description="of the points drawn, of t-SNE and of the queries drawn")
