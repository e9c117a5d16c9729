"""DNA strings and the measured binding of a transcription factor, and tables of the same form."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs import downloads as data
from anabranch.envs import tfbind8
from anabranch.envs.downloads import NoDataError
from anabranch.envs.tfbind8 import DNA, BindingReward, measured_scores
from support.tiny import answer

TITLES = "8-mer\t8-mer\tE-score\tMedian\tZ-score\n"
PARTNER = {"A": "T", "C": "G", "G": "C", "T": "A"}


def other_strand(item):
    return "".join(PARTNER[letter] for letter in reversed(item))


def made_up_scores(length, seed=0):
    """A score for each string, the same for both strands, and a table of them as the measurements are written."""
    draw, scores, lines = np.random.default_rng(seed), {}, []
    for item in map("".join, itertools.product("ACGT", repeat=length)):
        if item not in scores:
            scores[item] = scores[other_strand(item)] = round(float(draw.uniform(-0.5, 0.5)), 5)
            lines.append(f"{item}\t{other_strand(item)}\t{scores[item]:.5f}\t1.00\t0.1\n")
    return scores, TITLES + "".join(lines)


@pytest.fixture
def table(tmp_path):
    """A made-up table of strings of length 2, some of which are their own other strand; and its path."""
    scores, text = made_up_scores(2)
    (tmp_path / "table.txt").write_text(text)
    return scores, text, str(tmp_path / "table.txt")


def test_strings_are_proved():
    assert ab.check(DNA(length=3, ngrams=2), seconds=120.0).proved


def test_every_string_is_written_in_one_way():
    env = DNA(length=3, ngrams=1)
    graph = ab.state_graph(env)
    assert graph.num_states == 1 + 4 + 16 + 64
    assert graph.objects.size == 64
    assert np.allclose(graph.map(env.log_path_count), np.log(graph.path_count))


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_tokens_are_the_words_that_end_at_each_position(ngrams):
    env = DNA(length=3, ngrams=ngrams)
    graph = ab.state_graph(env)
    tokens = np.asarray(graph.map(env.observe))
    spans = [(end - size, end) for end in (1, 2, 3) for size in range(1, min(ngrams, end) + 1)]
    assert tokens.shape == (graph.num_states, len(spans))
    assert 0 <= tokens.min() < tokens.max() < env.vocabulary
    assert env.vocabulary == len(np.unique(tokens)), "no token stands for nothing, and no two spans share one"
    shown = [graph.show(number) for number in range(graph.num_states)]
    for column, (start, end) in enumerate(spans):
        seen = {(text[start:end] if text[end - 1] != "." else None): set() for text in shown}
        for text, token in zip(shown, tokens[:, column], strict=True):
            seen[text[start:end] if text[end - 1] != "." else None].add(int(token))
        assert all(len(there) == 1 for there in seen.values())


def test_rewards_are_the_scaled_scores_of_a_table(table):
    scores, _, path = table
    env = DNA(length=2, ngrams=2)
    least, most = min(scores.values()), max(scores.values())
    reward = BindingReward(env=env, power=2.0, highest=5.0, least=0.01, table=path)
    seen = {item: math.exp(float(reward(env.encode(item)))) for item in scores}
    for item, score in scores.items():
        assert seen[item] == pytest.approx(max(5.0 * ((score - least) / (most - least)) ** 2, 0.01), rel=1e-5)
    assert max(seen.values()) == pytest.approx(5.0)
    assert min(seen.values()) == pytest.approx(0.01)


def test_a_least_reward_of_zero_is_a_reward_of_zero(table):
    scores, _, path = table
    env = DNA(length=2, ngrams=1)
    worst = min(scores, key=lambda item: scores[item])
    assert float(BindingReward(env=env, least=0.0, table=path)(env.encode(worst))) == -math.inf


def changed(text, number, line):
    lines = text.splitlines()
    lines[number - 1 : number] = line
    return "\n".join(lines)


@pytest.mark.parametrize("number, line, sentence", [
    (3, ["AC\tGT\tnan"], "line 3: the score of AC is no finite number; given 'nan'"),
    (3, ["AC\tGT"], "line 3: the score of AC is no finite number; given ''"),
    (3, ["AC\tGG\t0.1"], "line 3: 2 letters out of ACGT and their reverse complement are needed; given 'AC"),
    (3, ["ACG\tCGT\t0.1"], "line 3: 2 letters"),
    (3, ["AN\tNT\t0.1"], "line 3: 2 letters"),
    (3, [""], "line 3: 2 letters"),
    (3, [], "no score for 2 of 16 strings; the first is AC"),
    (3, ["AC\tGT\t0.1", "GT\tAC\t0.2"], "line 4: GT was given another score before, 0.1"),
])  # fmt: skip
def test_a_table_that_is_not_one_is_refused_with_its_line(tmp_path, number, line, sentence):
    place = tmp_path / "broken.txt"
    place.write_text(changed(made_up_scores(2)[1], number, line))
    with pytest.raises(ab.ConfigError) as caught:
        ab.make("tfbind8", env={"length": 2, "ngrams": 1}, reward={"table": str(place)}).log_reward(jnp.array([0, 0]))
    assert sentence in str(caught.value)
    assert "broken.txt" in str(caught.value)


def test_tables_that_cannot_be_used_are_refused(tmp_path):
    flat = tmp_path / "flat.txt"
    flat.write_text(TITLES + "A\tT\t0.1\nC\tG\t0.1\n")
    for path, sentence in ((flat, "every string the same score, 0.1"), (tmp_path / "none.txt", "cannot be read")):
        with pytest.raises(ab.ConfigError, match=sentence):
            measured_scores(str(path), 1)


@pytest.mark.parametrize("make", [
    lambda: DNA(length=0), lambda: DNA(length=13), lambda: DNA(ngrams=0), lambda: DNA(length=3, ngrams=4),
    lambda: BindingReward(env=DNA(), power=0.0), lambda: BindingReward(env=DNA(), least=-1.0),
    lambda: BindingReward(env=DNA(), highest=math.inf), lambda: BindingReward(env=DNA(), least=2.0, highest=1.0),
    lambda: DNA().encode("ACGU"), lambda: DNA().encode("ACGTACGTA"),
])  # fmt: skip
def test_impossible_settings_and_strings_are_refused(make):
    with pytest.raises(ab.ConfigError):
        make()


@pytest.fixture
def no_data(monkeypatch):
    """As on a machine without cache and network."""

    def missing(name):
        raise NoDataError(f"there is no {name}")

    monkeypatch.setattr(tfbind8, "load", missing)
    measured_scores.cache_clear()


@pytest.mark.thorough
def test_data_are_loaded_when_the_reward_is_used_and_not_before(no_data):
    code, out, _ = answer("list")
    assert code == 0
    assert "tfbind8" in out
    assert answer("train", "tfbind8", "--help")[0] == 0
    task = ab.make("tfbind8")
    assert ab.check(task.env, max_states=500, walks=4).sound
    with pytest.raises(NoDataError, match="there is no tfbind8"):
        ab.train(task.env, task.log_reward, objective="tb", steps=1, batch=1)
    code, out, err = answer("show", "tfbind8")
    assert (code, out) == (2, "")
    assert "there is no tfbind8" in err


def test_pictures_show_the_letters():
    env = DNA(length=3, ngrams=1)
    picture = env.draw(env.encode("AC"))
    assert picture.count("<rect") == 3
    assert picture.count(">A</text>") == picture.count(">C</text>") == picture.count("></text>") == 1
    assert env.show(env.encode("AC")) == "AC."


def test_the_measured_strings_have_the_known_log_z_and_mean_reward():
    measured_scores.cache_clear()
    try:
        text = data.load("tfbind8").decode()
    except NoDataError as error:
        pytest.skip(f"the measurements cannot be had: {error}")
    score = {item: float(row[2]) for row in map(str.split, text.splitlines()[1:]) for item in row[:2]}
    least, most = min(score.values()), max(score.values())
    task = ab.make("tfbind8")
    graph = ab.state_graph(task.env)
    log_reward = ab.log_rewards(graph, task.log_reward)
    reward = np.exp(log_reward)
    assert reward.size == len(score) == 65_536
    assert np.log(reward.sum()) == pytest.approx(11.462147, abs=1e-6)
    assert (reward @ reward) / reward.sum() == pytest.approx(3.319955, abs=1e-6)
    some = np.random.default_rng(0).integers(0, reward.size, 200)
    for number in some:
        expected = max(10 * ((score[graph.decode(int(graph.objects[number]))] - least) / (most - least)) ** 3, 1e-3)
        assert reward[number] == pytest.approx(expected, rel=1e-4)
