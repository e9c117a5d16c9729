"""Scores of molecules against known values; pictures, distances, scaffolds, files."""

import math

import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.chemistry import distance, scaffold, scaffolds
from anabranch.envs.molecule_reward import MoleculeReward, MoleculeScores
from anabranch.envs.oracles import ALBUTEROL, CELECOXIB, ORACLES, OSIMERTINIB, SITAGLIPTIN, scores
from anabranch.envs.selfies_tokens import Selfies
from anabranch.ground.errors import ConfigError
from anabranch.plots.svg import count_elements

SHORT = Selfies(longest=3)


@pytest.mark.parametrize("name", ORACLES)
def test_every_score_lies_between_0_and_1(name):
    for smiles in (ALBUTEROL, CELECOXIB, OSIMERTINIB, SITAGLIPTIN, "CCO", "C", "c1ccccc1"):
        (value,) = scores(smiles, (name,))
        assert 0.0 <= value <= 1.0
    assert scores("", (name,)) == (0.0,)


@pytest.mark.parametrize(
    ("name", "smiles", "value"),
    [
        ("celecoxib-rediscovery", CELECOXIB, 1.0),
        ("albuterol-similarity", ALBUTEROL, 1.0),
        ("isomers-c7h8n2o2", "NC(=O)c1cc(O)ccc1N", 1.0),
        ("sitagliptin-mpo", SITAGLIPTIN, 0.0),
        ("qed", "CC(=O)Oc1ccccc1C(=O)O", 0.5501),
        ("similar:CCO", "OCC", 1.0),
    ],
)
def test_known_values(name, smiles, value):
    (found,) = scores(smiles, (name,))
    assert found == pytest.approx(value, abs=5e-4)


def test_ethanol_is_easier_to_make_than_osimertinib():
    assert scores("CCO", ("sa",)) > scores(OSIMERTINIB, ("sa",))


def test_products_have_a_column_for_each_score():
    assert MoleculeScores(("qed", "sa"))(["CCO", ""]) == [scores("CCO", ("qed", "sa")), (0.0, 0.0)]
    reward = MoleculeReward(score="qed * sa", exponent=2.0).on(SHORT)
    state = SHORT.encode("CCO")
    (value,) = reward.log_values(jax.tree.map(lambda leaf: np.asarray(leaf)[None], state))
    assert value == pytest.approx(2.0 * sum(map(math.log, scores("CCO", ("qed", "sa")))))


def test_molecules_are_drawn_compared_and_reduced_to_scaffolds():
    picture = SHORT.draw(SHORT.encode("CCO"))
    assert picture.startswith("<svg")
    assert count_elements(picture) > 3, "bonds and letters, in what the pictures of a run can draw"
    assert SHORT.draw(SHORT.initial()) is None
    assert distance("CCO", "CCO") == 0.0 < distance("CCO", "c1ccccc1") <= distance("CCO", "") == 1.0
    assert scaffold("Cc1ccccc1") == "c1ccccc1"
    assert scaffolds(["Cc1ccccc1", "Oc1ccccc1", "C1CCCCC1C", ""]) == 2


def test_molecules_are_written_as_csv_and_sdf(tmp_path):
    from rdkit import Chem

    columns = {"smiles": ["CCO", "c1ccccc1"], "log_reward": [-1.5, 0.25]}
    assert ab.write_molecules(tmp_path / "a.csv", columns).read_text().split() == [
        "smiles,log_reward",
        "CCO,-1.5",
        "c1ccccc1,0.25",
    ]
    ab.write_molecules(tmp_path / "a.sdf", columns)
    read = list(Chem.SDMolSupplier(str(tmp_path / "a.sdf")))
    assert [Chem.MolToSmiles(one) for one in read] == columns["smiles"]
    assert [float(one.GetProp("log_reward")) for one in read] == columns["log_reward"]
    for path, given, words in (("a.xls", columns, "csv, .sdf or .parquet"), ("a.sdf", {"name": []}, "a column smiles")):
        with pytest.raises(ConfigError, match=words):
            ab.write_molecules(tmp_path / path, given)
