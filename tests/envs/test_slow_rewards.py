"""Two more slow rewards: the fold of RNA, and a forest that was fitted to measurements; and drawn objects in files."""

import math
import re

import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.binding_model import BindingModel, BindingModelReward, one_hot
from anabranch.envs.rna import FoldingStability
from anabranch.envs.tfbind8 import DNA
from anabranch.ground.errors import ConfigError
from envs.test_tfbind8 import made_up_scores
from support.tiny import answer


def test_a_hairpin_is_more_stable_than_a_thread():
    hairpin, thread = FoldingStability()(["GGGGAAAACCCC", "AAAAAAAAAAAA"])
    assert thread == 1.0
    assert -math.log(hairpin) == pytest.approx(-5.4, abs=0.6), "kcal/mol, as RNAfold says"


@pytest.mark.thorough
def test_rna_trains_and_keeps_its_energies():
    run = ab.train("rna", objective="tb", steps=2, batch=4, exact=False, policy=ab.MLP(width=8))
    columns = run.evaluations()
    assert all(re.fullmatch("[ACGU]{14}", one) for one in columns["object"])
    assert np.allclose(columns["log_reward"], 0.5 * np.log(columns["column_0"]))


def test_a_forest_learns_what_was_measured(tmp_path):
    scores, text = made_up_scores(3)
    (tmp_path / "table.txt").write_text(text)
    model = BindingModel(examples=64, trees=20, length=3, table=str(tmp_path / "table.txt"))
    strings = sorted(scores)
    truth = np.array([scores[one] for one in strings])
    assert np.corrcoef(model(strings), truth)[0, 1] > 0.8
    assert model(strings[:3]) == model(strings)[:3], "one at a time or together"
    assert one_hot(["ACG"]).tolist() == [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]]
    reward = BindingModelReward(env=DNA(length=3, ngrams=1), table=str(tmp_path / "table.txt"), exponent=3.0)
    graph = ab.state_graph(reward.env)
    found = ab.log_rewards(graph, reward)
    assert found.shape == (64,)
    with pytest.raises(ConfigError, match="examples >= 2 and trees >= 1"):
        BindingModelReward(trees=0)


@pytest.mark.thorough
def test_drawn_objects_are_written_into_files(tmp_path):
    molecules, faces = tmp_path / "molecules", tmp_path / "faces"
    quick = ("--steps", 2, "--batch", 4, "--exact", "false")
    assert answer("train", "molecules", *quick, "--reward.survey", 32, "--out", molecules)[0] == 0
    assert answer("train", "faces", *quick, "--out", faces)[0] == 0
    csv, sdf = tmp_path / "a.csv", tmp_path / "a.sdf"
    assert answer("sample", molecules, "--n", 3, "--out", csv)[:2] == (0, f"3 objects are in {csv}\n")
    assert csv.read_text().startswith("smiles,log_reward\n")
    assert answer("sample", molecules, "--n", 3, "--out", sdf)[0] == 0
    assert sdf.read_text().count("$$$$") == 3
    assert answer("sample", faces, "--n", 3, "--out", tmp_path / "faces.csv")[0] == 0
    assert (tmp_path / "faces.csv").read_text().startswith("object,log_reward\n")
    for arguments, words in (
        ((faces, "--out", tmp_path / "faces.sdf"), "an .sdf file holds molecules; faces has others"),
        ((faces, "--out", csv), "exists already: choose another --out"),
        ((faces, "--out", tmp_path / "a.xlsx"), "written as .csv, .sdf or .parquet"),
        ((faces, "--out", tmp_path / "no" / "folder.csv"), "cannot be written (No such file or directory)"),
    ):
        code, out, err = answer("sample", *arguments)
        assert (code, out) == (2, "")
        assert words in err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.csv", "a.sdf", "faces", "faces.csv", "molecules"]
