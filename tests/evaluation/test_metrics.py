"""The metrics of a sample against examples worked out by hand, plain-Python sums, and samplers known to be wrong."""

import itertools
import math
import random
from statistics import fmean, stdev

import numpy as np
import pytest

import anabranch as ab
from anabranch.evaluation.metrics.correlation import ranks
from anabranch.evaluation.metrics.modes import found_within, usual_budgets
from anabranch.evaluation.metrics.reward_gap import log_mean_reward
from anabranch.ground.means import half_width, log_mean_exp_with_error

# Distances


def test_distances_of_known_pairs():
    assert ab.hamming_distance("0110", "0011") == 0.5
    assert ab.hamming_distance((1, "a"), (1, "a")) == 0.0
    assert ab.edit_distance("kitten", "sitting") == 3 / 7
    assert ab.edit_distance("", "ab") == 1.0
    assert ab.edit_distance("", "") == 0.0
    assert ab.object_distance(((1, 0), (0, 1)), ((1, 1), (0, 1))) == 0.25
    assert ab.object_distance("abcd", "bcd") == ab.edit_distance("abcd", "bcd") == 0.25
    assert ab.object_distance(3, 4) == 1.0
    with pytest.raises(ab.ConfigError, match=r"lengths 2 and 3: use edit_distance"):
        ab.hamming_distance("ab", "abc")


@pytest.mark.parametrize("objects", [["00", "01", "11", "11"], ["a", "ab", "ba", ""], [(1, (2,)), (1, 3), (4, 3)]])
def test_mean_pairwise_distance_is_a_mean_over_pairs(objects):
    pairs = [ab.object_distance(a, b) for a, b in itertools.combinations(objects, 2)]
    assert ab.mean_pairwise_distance(objects) == pytest.approx(fmean(pairs), abs=1e-12)
    own = [abs(len(str(a)) - len(str(b))) for a, b in itertools.combinations(objects, 2)]
    found = ab.mean_pairwise_distance(objects, distance=lambda a, b: abs(len(str(a)) - len(str(b))))
    assert found == pytest.approx(fmean(own), abs=1e-12)


def test_one_object_has_no_diversity():
    assert math.isnan(ab.mean_pairwise_distance(["a"]))


# Top k

WORDS = ["aa", "ab", "aa", "bb", "ab", "ba"]
LOG_WORDS = np.log(np.array([4.0, 2.0, 4.0, 1.0, 2.0, 3.0]))


def test_top_k_is_over_different_objects():
    found = ab.top_k(WORDS, LOG_WORDS, k=2)
    assert found.objects == 2
    assert found.log_reward == pytest.approx(math.log((4 + 3) / 2))
    assert found.diversity == 0.5
    everything = ab.top_k(WORDS, LOG_WORDS, k=9)
    assert everything.objects == 4
    assert everything.log_reward == pytest.approx(math.log((4 + 3 + 2 + 1) / 4))


def test_a_sampler_that_repeats_itself_has_a_lower_top_k():
    """The negative control: duplicates may not fill the top k."""
    repeating = ab.top_k(["aa"] * 5 + ["bb"], np.array([1.4] * 5 + [0.0]), k=5)
    assert repeating.objects == 2
    assert repeating.log_reward < 1.4


def test_rewards_beyond_the_range_of_floats_have_a_top_k():
    found = ab.top_k(["a", "b", "c"], np.array([2000.0, 1999.0, -np.inf]), k=3)
    assert found.log_reward == pytest.approx(2000 + math.log((1 + math.exp(-1)) / 3))
    with pytest.raises(ab.ConfigError, match="k >= 1; given 0"):
        ab.top_k(["a"], np.zeros(1), k=0)


# Modes


def test_modes_are_counted_in_the_order_of_drawing():
    found = ab.modes_found(WORDS, LOG_WORDS, threshold=math.log(2.0), budgets=[1, 2, 3, 6])
    assert found.found == 3
    assert found.curve == ((1, 1), (2, 2), (3, 2), (6, 3))
    assert ab.modes_found(WORDS, LOG_WORDS, threshold=math.log(4.5)).found == 0


def test_near_objects_are_one_mode():
    """aa takes ab and ba, half a distance away, only if modes must be farther apart; bb is below the threshold."""
    options = {"threshold": math.log(1.5), "budgets": [6]}
    assert ab.modes_found(WORDS, LOG_WORDS, separation=0.5, **options).found == 3
    assert ab.modes_found(WORDS, LOG_WORDS, separation=0.6, **options).found == 1
    lengths = {"separation": 1.0, "distance": lambda a, b: float(a[0] != b[0])}
    assert ab.modes_found(WORDS, LOG_WORDS, **lengths, **options).found == 2


def test_a_mode_is_found_when_any_of_its_objects_is():
    log_reward = np.array([1.0, 3.0, 2.0])
    found = ab.modes_found(["ab", "aa", "bb"], log_reward, threshold=0.0, separation=0.6, budgets=[1, 2, 3])
    assert found.curve == ((1, 1), (2, 1), (3, 2)), "ab belongs to aa, which comes later"


def test_budgets_and_the_first_draws():
    assert usual_budgets(100) == [1, 2, 5, 10, 20, 50, 100]
    assert usual_budgets(7) == [1, 2, 5, 7]
    assert found_within(np.array([-1, 3, -1, 0, 3]), [1, 2, 4, 5]) == [0, 1, 2, 2]
    for options in ({"threshold": math.nan}, {"threshold": 0.0, "separation": -1.0}):
        with pytest.raises(ab.ConfigError, match="threshold, log R in nats, and a separation >= 0"):
            ab.modes_found(["a"], np.zeros(1), **options)


# Correlation


def test_coefficients_of_a_small_example():
    """x = 1 2 3 4, y = 1 3 2 9: r = 11.5 / sqrt(5 * 38.75), and 1 - 6 * 2 / 60 for the ranks."""
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 9.0])
    assert ab.pearson(x, y).value == pytest.approx(11.5 / math.sqrt(5 * 38.75))
    assert ab.spearman(x, y).value == pytest.approx(0.8)
    assert ab.spearman(x, np.exp(y)).value == pytest.approx(0.8)
    assert ab.pearson(x, np.exp(y)).value < 0.8
    assert ranks(np.array([5.0, 1.0, 5.0, -np.inf])).tolist() == [3.5, 2.0, 3.5, 1.0]


def test_equal_rewards_may_be_drawn_in_any_order():
    """Ranks 1 3 2 4 over 1.5 1.5 3.5 3.5: products sum to 2, squares to 4. Plain ranks would give 2 / sqrt(20)."""
    log_reward = np.array([0.0, 0.0, 1.0, 1.0, -np.inf])
    crossed = ab.spearman(np.array([0.1, 0.3, 0.2, 0.4, 9.0]), log_reward)
    assert crossed.value == pytest.approx(0.5)
    assert (crossed.objects, crossed.tied, crossed.left_out) == (4, 4, 1)
    assert ab.spearman(np.array([0.2, 0.1, 0.4, 0.3, 9.0]), log_reward).value == 1.0
    assert ab.spearman(np.array([0.3, 0.4, 0.2, 0.1, 9.0]), log_reward).value == -1.0
    assert ab.spearman(np.zeros(5), log_reward).value == 0.0, "a uniform sampler knows nothing of R"
    assert math.isnan(ab.spearman(np.arange(3.0), np.zeros(3)).value)


def test_ties_lend_no_correlation_to_a_sampler_that_knows_nothing():
    """Nine of ten objects at one reward, as on a grid: the mean over 400 orders is 0 within four standard errors."""
    random = np.random.default_rng(0)
    log_reward = np.r_[np.zeros(90), np.arange(1.0, 11.0)]
    values = [ab.spearman(random.permutation(100).astype(float), log_reward).value for _ in range(400)]
    assert abs(fmean(values)) < 4 * stdev(values) / 20


def test_fishers_interval():
    """r = .5 from 28 pairs: atanh .5 = .549306, half-width 1.959964 / 5."""
    x = np.random.default_rng(0).normal(size=28)
    x = (x - x.mean()) / x.std()
    noise = np.random.default_rng(1).normal(size=28)
    noise -= noise.mean() + (noise @ x) / 28 * x
    y = 0.5 * x + math.sqrt(0.75) * noise / noise.std()
    found = ab.pearson(x, y)
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(0.549306 - 0.391993), math.tanh(0.549306 + 0.391993)), abs=1e-6
    )
    r = ab.spearman(x, y)
    half = 1.959964 * math.sqrt((1 + r.value**2 / 2) / 25)
    assert r.high == pytest.approx(math.tanh(math.atanh(r.value) + half))
    wide = ab.pearson(x, y, interval=ab.Interval(level=0.99))
    assert wide.low < found.low < found.high < wide.high


def test_intervals_cover_the_truth_as_often_as_they_say():
    """200 samples of 60 pairs with correlation .6; 95 % +- 4.7 % (three standard errors) must be covered."""
    random = np.random.default_rng(5)
    covered = {"fisher": 0, "bootstrap": 0}
    for _ in range(200):
        x, noise = random.normal(size=(2, 60))
        y = 0.6 * x + 0.8 * noise
        for kind in covered:
            found = ab.pearson(x, y, interval=ab.Interval(kind=kind, resamples=200))
            covered[kind] += found.low <= 0.6 <= found.high
    assert 0.90 <= covered["fisher"] / 200 <= 0.997
    assert 0.88 <= covered["bootstrap"] / 200 <= 0.997


def test_zeros_are_left_out_and_the_undefined_is_nan():
    x, y = np.array([0.0, 1.0, 2.0, 9.0]), np.array([1.0, 2.0, 3.0, -np.inf])
    perfect = ab.pearson(x, y)
    assert (perfect.value, perfect.low, perfect.high, perfect.objects) == (1.0, 1.0, 1.0, 3)
    assert math.isnan(ab.pearson(x, np.ones(4)).value)
    unreached = np.array([0.0, 1.0, -np.inf, 9.0])
    assert math.isnan(ab.pearson(unreached, y).value)
    assert ab.spearman(unreached, y).value == pytest.approx(-0.5)
    for options in ({"level": 1.0}, {"resamples": 0}):
        with pytest.raises(ab.ConfigError, match="between 0 and 1, is 'fisher' or 'bootstrap', and resamples >= 1"):
            ab.Interval(**options)


# Effective samples, the reward gap


def test_effective_samples():
    assert ab.effective_sample_size(np.full(7, -900.0)) == pytest.approx(7)
    assert ab.effective_sample_size(np.log([3.0, 1.0])) == pytest.approx(16 / 10)
    assert ab.effective_sample_size(np.array([0.0, -np.inf, -np.inf])) == 1.0
    assert ab.effective_sample_size(np.array([-np.inf])) == 0.0
    assert math.isnan(log_mean_exp_with_error(np.array([-np.inf])).error)


def test_the_interval_of_a_mean_is_student_s():
    """t of .975 is 12.706205 with one degree of freedom and 4.302653 with two."""
    assert half_width([1.0, 3.0]) == pytest.approx(12.706205, rel=1e-6)
    assert half_width([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert math.isnan(half_width([1.0]))


def test_the_reward_gap_is_a_ratio_of_means():
    log_reward, target = np.log([1.0, 3.0]), np.array([0.25, 0.75])
    level = log_mean_reward(log_reward, target)
    assert level == pytest.approx(math.log(0.25 + 2.25))
    found = ab.reward_gap(np.log([1.0, 3.0, 3.0, 1.0]), log_target_mean=level)
    assert found.value == pytest.approx(2.0 / 2.5)
    assert found.error == pytest.approx(stdev([1 / 2.5, 3 / 2.5, 3 / 2.5, 1 / 2.5]) / 2)
    greedy = ab.reward_gap(np.log([3.0, 3.0]), log_target_mean=level)
    assert greedy.value == pytest.approx(1.2), "drawing the best only is no better than 1"
    assert log_mean_reward(np.array([-np.inf, 0.0]), np.array([1.0, 0.0])) == -np.inf


# Flow consistency in subgraphs


def consistency_by_enumeration(p, r, size):
    """The definition: every subset, weighted by the model's mass on it."""
    total = weight_of_all = 0.0
    for subset in itertools.combinations(range(len(p)), size):
        mass, reward = sum(p[i] for i in subset), sum(r[i] for i in subset)
        inside = [abs(p[i] / mass - r[i] / reward) if reward else p[i] / mass + 1.0 for i in subset]
        distance = sum(inside) / 2 if reward else 1.0
        total, weight_of_all = total + mass * distance, weight_of_all + mass
    return total / weight_of_all


@pytest.mark.parametrize("size", [2, 3, 6])
def test_flow_consistency_is_the_mean_over_subsets(size):
    p = np.array([0.3, 0.25, 0.2, 0.15, 0.07, 0.03])
    r = np.array([1.0, 2.0, 0.5, 3.0, 0.0, 0.0])
    with np.errstate(divide="ignore"):
        found = ab.flow_consistency(np.log(p), np.log(r), size=size, subsets=4000)
    exact = consistency_by_enumeration(p, r, size)
    assert abs(found.value - exact) < 4 * found.error + 1e-9
    if size == 6:
        assert found.value == pytest.approx(0.5 * np.abs(p - r / r.sum()).sum()), "of everything it is the distance"


def test_flow_consistency_of_many_objects():
    """With room, sets are drawn by rejection: the same mean, and never an object twice."""
    random = np.random.default_rng(2)
    log_r = random.normal(size=200)
    log_p = log_r + 0.5 * random.normal(size=200)
    found = ab.flow_consistency(log_p - 40.0, log_r, size=2, subsets=4000)
    p = np.exp(log_p) / np.exp(log_p).sum()
    assert abs(found.value - consistency_by_enumeration(p, np.exp(log_r), 2)) < 4 * found.error
    assert ab.flow_consistency(log_r + 3.0, log_r, size=8).value < 1e-12, "zero at the target, normalised or not"


def test_flow_consistency_refuses_what_has_no_sets():
    for options in ({"size": 1}, {"size": 4}, {"subsets": 1}):
        with pytest.raises(ab.ConfigError, match="2 <= size <= 3 objects and subsets >= 2"):
            ab.flow_consistency(np.zeros(3), np.zeros(3), **{"size": 2, **options})
    with pytest.raises(ab.ConfigError, match="none of these objects"):
        ab.flow_consistency(np.full(3, -np.inf), np.zeros(3), size=2)


# The perfect sampler


def test_a_perfect_sampler_draws_by_the_target():
    target = np.array([0.0, 0.5, 0.3, 0.2, 0.0])
    perfect = ab.PerfectSampler(target=target, samples=1000, replicas=20, seed=1)
    counts = np.bincount(perfect.draws.ravel(), minlength=5)
    assert counts[[0, 4]].tolist() == [0, 0]
    error = np.sqrt(target * (1 - target) / 20_000)
    assert (np.abs(counts / 20_000 - target) <= 4 * error).all()


def test_the_reference_is_the_mean_and_spread_over_replicas():
    """The distance of the frequencies: its mean has a closed form (de Moivre)."""
    target = ab.target_distribution(np.random.default_rng(0).normal(size=30))
    perfect = ab.PerfectSampler(target=target, samples=500, replicas=200)

    def distance(draw):
        return 0.5 * float(np.abs(np.bincount(draw, minlength=30) / 500 - target).sum())

    found = perfect.reference(distance)
    assert found.spread == pytest.approx(stdev(distance(draw) for draw in perfect.draws))
    assert abs(found.mean - ab.perfect_sampler_floor(target, 500)) < 4 * found.spread / 200**0.5
    biased = random.Random(0).choices(range(30), k=500)
    assert distance(np.array(biased)) > found.mean + 4 * found.spread, "the negative control: uniform draws"
    with pytest.raises(ab.ConfigError, match="samples >= 1 and replicas >= 2; given samples=0"):
        ab.PerfectSampler(target=target, samples=0)
