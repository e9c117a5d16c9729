"""Words grown at the right, and the motifs in them."""

import itertools
import math
import string

import pytest

import anabranch as ab
from anabranch.envs.sequences import MotifReward, Sequences
from support.catalogue import assert_sound, log_reward_of, log_z_of

SMALL = Sequences(alphabet="abc", shortest=2, longest=4)
REWARD = MotifReward(env=SMALL, motifs=("aba", "cc", "b"), gain=1.5, cost=0.7)


def places(word, motif):
    return sum(word.startswith(motif, at) for at in range(len(word)))


@pytest.mark.parametrize(
    "reward", [REWARD, MotifReward(env=Sequences(alphabet="ab", shortest=0, longest=3), motifs=("ab",))], ids=str
)
def test_sequences_are_sound(reward):
    env = reward.env
    graph = assert_sound(env, reward)
    assert graph.num_states == sum(env.letters**n for n in range(env.longest + 1))
    assert graph.objects.size == sum(env.letters**n for n in range(env.shortest, env.longest + 1))
    assert env.num_slots == 1


def test_motifs_are_counted_wherever_they_stand():
    words = [w for n in (2, 3, 4) for w in map("".join, itertools.product("abc", repeat=n))]
    expected = [1.5 * sum(places(word, motif) for motif in REWARD.motifs) - 0.7 * len(word) for word in words]
    assert max(places(word, "cc") for word in words) == 3
    assert log_reward_of(REWARD, words) == pytest.approx(expected, abs=1e-5)


def test_an_unfinished_word_has_the_energy_of_its_letters():
    assert float(REWARD.energy(SMALL.encode("c"))) == pytest.approx(0.7)
    assert float(REWARD.energy(SMALL.encode("cc"))) == pytest.approx(1.4 - 1.5)


def test_peptides_and_rna_are_encoded_in_their_own_letters():
    peptide = Sequences(alphabet="ACDEFGHIKLMNPQRSTVWY", shortest=5, longest=12)
    magainin = "GIGKFLHSAKKF"
    assert peptide.decode(peptide.encode(magainin)) == magainin
    assert peptide.encode(magainin)[:3].tolist() == [5, 7, 5]
    rna = ab.make("sequences", env={"alphabet": "ACGU", "longest": 3}, reward={"motifs": ["GU"]})
    assert_sound(rna.env, rna.log_reward)
    assert log_reward_of(rna.log_reward, ["GU", "UGU", "UUU"]) == pytest.approx([0.0, -1.0, -3.0])
    assert "&lt;" in Sequences(alphabet="<>").draw(Sequences(alphabet="<>").encode("<"))


def test_log_z_beyond_enumeration():
    """Without motifs a geometric sum; a motif of one letter is a weight of that letter."""
    long = Sequences(alphabet=string.ascii_lowercase[:20], shortest=3, longest=50)
    ratio = 20 * math.exp(-1.0)
    expected = math.log(sum(ratio**n for n in range(3, 51)))
    assert MotifReward(env=long, motifs=()).log_z == pytest.approx(expected, abs=1e-9)
    ratio = (19 + math.exp(2.0)) * math.exp(-1.0)
    expected = math.log(sum(ratio**n for n in range(3, 51)))
    assert MotifReward(env=long, motifs=("q",)).log_z == pytest.approx(expected, abs=1e-9)


def test_the_task_has_its_stated_log_z():
    task = ab.make("sequences", env={"longest": 4})
    assert task.log_reward.log_z == pytest.approx(log_z_of(task.env, task.log_reward), abs=1e-6)
    assert ab.make("sequences").log_reward.log_z == pytest.approx(5.792825, abs=1e-6)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Sequences(alphabet=""), "An alphabet has one letter or more, none of them a blank; given ''"),
        (lambda: Sequences(alphabet="AC GU"), "none of them a blank; given 'AC GU'"),
        (lambda: Sequences(alphabet="ACGUA"), "each letter once; 'ACGUA' has 'A' twice"),
        (lambda: Sequences(alphabet="ACGU").encode("ACT"), "The word 'ACT' has 'T', which is none of 'ACGU'"),
        (lambda: Sequences(alphabet="ACGU").encode("aC"), "none of 'ACGU': write 'A'"),
        (lambda: Sequences(shortest=4, longest=3), "shortest=4, longest=3"),
        (lambda: Sequences(shortest=0, longest=0), "longest >= 1"),
        (lambda: MotifReward(env=SMALL, motifs=("ab", "")), "at least one letter"),
        (lambda: MotifReward(env=SMALL, gain=math.inf), "finite"),
        (lambda: MotifReward(env=SMALL, motifs=("ad",)).log_z, "The motif 'ad' has 'd', which is none of 'abc'"),
        (lambda: MotifReward(env=SMALL, motifs=("ad",))(SMALL.initial()), "The motif 'ad'"),
        (lambda: SMALL.encode("abcab"), "at most 4 letters; 'abcab' has 5"),
        (lambda: SMALL.encode("xy"), "The word 'xy' has 'x'"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()
