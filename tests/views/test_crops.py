import numpy as np
import pytest

from panda_lartpc.settings.pretrain import ViewSettings
from panda_lartpc.views.crops import global_crops, local_crops, nearest


def voxels(n_points: int, seed: int = 0, edge: int = 12) -> np.ndarray:
    """Different voxels of a small box: many pairs are at the same distance."""
    cells = np.random.default_rng(seed).choice(edge**3, n_points, replace=False)
    return np.stack(np.unravel_index(cells, (edge,) * 3), axis=1).astype(np.float32)


def nearest_by_sorting(position: np.ndarray, centre: int, size: int) -> list[int]:
    """Every point with its distance, nearest first, equal ones in their order."""
    distance = [
        (sum((int(a) - int(b)) ** 2 for a, b in zip(p, position[centre], strict=True)), i)
        for i, p in enumerate(position)
    ]
    return sorted(i for _, i in sorted(distance)[:size])


@pytest.mark.parametrize("size", [1, 2, 7, 60, 119, 120])
def test_nearest_points_are_those_of_sorted_distances_ties_in_order(size):
    position = voxels(120)
    for centre in range(0, 120, 13):
        assert nearest(position, centre, size).tolist() == nearest_by_sorting(position, centre, size)


def test_a_view_is_whole_around_one_of_its_points():
    position = voxels(80)
    settings = ViewSettings(n_local=4)
    rng = np.random.default_rng(1)
    principal, other = global_crops(position, settings, rng)
    for rows in [principal, other, *local_crops(position, principal, settings, rng)]:
        assert any(nearest_by_sorting(position, centre, len(rows)) == rows.tolist() for centre in rows)


def test_sizes_are_uniform_shares_of_the_points():
    position = voxels(200)
    settings = ViewSettings(n_local=2)
    sizes = {"global": [], "local": []}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        pair = global_crops(position, settings, rng)
        sizes["global"] += map(len, pair)
        sizes["local"] += map(len, local_crops(position, pair[0], settings, rng))
    for kind, (low, high) in {"global": (80, 200), "local": (20, 80)}.items():
        assert low <= min(sizes[kind]) <= low + 3
        assert high - 4 <= max(sizes[kind]) <= high
        assert np.mean(sizes[kind]) == pytest.approx((low + high) / 2, abs=0.05 * (high - low))


def test_an_event_counts_at_most_max_points():
    settings = ViewSettings(global_scale=(0.5, 0.5), max_points=40)
    assert [len(rows) for rows in global_crops(voxels(100), settings, np.random.default_rng(0))] == [20, 20]


def test_a_view_has_a_point_at_least():
    settings = ViewSettings(n_local=3)
    principal, other = global_crops(voxels(1), settings, np.random.default_rng(0))
    local = local_crops(voxels(1), principal, settings, np.random.default_rng(0))
    assert [rows.tolist() for rows in (principal, other, *local)] == [[0]] * 5


def test_the_other_global_view_is_around_a_point_of_the_principal_one():
    near = voxels(50)
    position = np.concatenate([near, near + 1000])  # two clusters, each larger than a view
    settings = ViewSettings(global_scale=(0.4, 0.4))
    clusters = set()
    for seed in range(40):
        principal, other = (set(rows // 50) for rows in global_crops(position, settings, np.random.default_rng(seed)))
        assert principal == other
        clusters |= principal
    assert clusters == {0, 1}


def test_local_centres_visit_all_of_the_principal_view_before_any_comes_again():
    position = voxels(40)
    settings = ViewSettings(n_local=64, local_scale=(0, 0))  # a local view is its centre alone
    principal = np.arange(3, 33)
    centres = [int(rows[0]) for rows in local_crops(position, principal, settings, np.random.default_rng(2))]
    assert sorted(centres[:30]) == sorted(centres[30:60]) == principal.tolist()
    assert centres[:30] != centres[30:60] != sorted(centres[:30])


def test_each_local_view_shows_something_new_of_the_principal_view_until_all_is_shown():
    position = voxels(300)
    principal = nearest(position, 0, 150)
    settings = ViewSettings(n_local=40, local_scale=(0.02, 0.1))
    shown: set[int] = set()
    begun_anew = 0
    for rows in local_crops(position, principal, settings, np.random.default_rng(3)):
        if shown >= set(principal.tolist()):
            shown, begun_anew = set(), begun_anew + 1
        assert set(rows.tolist()) & set(principal.tolist()) - shown
        shown |= set(rows.tolist())
    assert begun_anew == 1


def test_local_views_reach_beyond_the_principal_one():
    position, principal = voxels(300), np.arange(5)
    local = local_crops(position, principal, ViewSettings(), np.random.default_rng(0))
    assert len(local) == 6
    assert all(len(np.setdiff1d(rows, principal)) > 20 for rows in local)
