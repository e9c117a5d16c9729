"""`show` of a part: an objective, a backward policy or a policy, in words that are read off its class."""

import re

import pytest

from anabranch.cli.describing import NEEDS, NO_PAPER, example_of, papers_of, part_tables
from anabranch.cli.training import OPTIONS, read_choices
from anabranch.ground.field_help import help_of
from anabranch.ground.fields import fields_of
from anabranch.training.compatibility import require_compatible
from anabranch.training.setup import setup
from support.tiny import answer, fine

PARTS = [(kind, name) for kind, table in part_tables().items() for name in table]


def cells(out):
    """The rows of all tables, each a list of its cells, with the lines of a wrapped cell joined."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    joined = []
    for row in rows:
        if row[0] or not joined:
            joined.append(row)
        else:
            joined[-1] = [f"{old} {new}".strip() for old, new in zip(joined[-1], row, strict=True)]
    return joined


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_part_is_described(kind, name):
    part = part_tables()[kind][name]
    out = fine(answer("show", name))
    rows = cells(out)
    labels = [row[0] for row in rows]
    assert out.startswith(f"{name}, a")
    assert {"what it is", "in detail", "paper"} <= set(labels)
    assert out.splitlines()[-1] == example_of(kind, name, part)
    for need in getattr(part, "needs", ()):
        assert ["needs", NEEDS[need]] in rows
    for field in fields_of(part) if kind in ("objective", "policy") else ():
        flag = f"--{kind}.{field.name} {field.kind}"
        assert [flag, str(field.default), help_of(part)[field.name]] in rows


def test_trajectory_balance_in_full():
    out = fine(answer("show", "tb"))
    rows = dict(row[:2] for row in cells(out))
    assert rows["what it is"] == "Trajectory balance: log Z + log P_F(tau) = log R(x) + log P_B(tau | x)."
    assert rows["paper"] == "Malkin et al. 2022, arXiv:2201.13259"
    assert rows["on policy"].startswith("no (valid only for trajectories of the present policy")
    assert rows["backward policies"] == "uniform, maxent, learned, tlm, pessimistic"
    assert "anabranch train faces --objective tb" in out


def test_papers_are_found_in_the_text_of_the_class():
    tables = part_tables()
    papers = {
        name: papers_of(part) for kind, table in tables.items() for name, part in table.items() if kind != "metric"
    }
    assert papers["soft-dqn"] == ["Tiapkin et al. 2023, arXiv:2310.12934", "Deleu et al. 2024, arXiv:2402.10309"]
    assert papers["pg"] == ["Williams 1992, doi:10.1007/BF00992696"]
    assert papers["pessimistic"] == ["Jang et al. 2024, arXiv:2405.16012"]
    assert {name for name, named in papers.items() if not named} == {"ml", "uniform", "learned", "tabular", "classes"}
    assert NO_PAPER in fine(answer("show", "ml"))


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_the_example_is_a_command_that_can_be_given(kind, name):
    command = example_of(kind, name, part_tables()[kind][name])
    words = command.split()[2:]
    if {"RUN", "FILE", "FILE.py:NAME"} & set(words):
        pytest.skip("it needs a file of the reader's")
    task, _, choices = read_choices("train", words[0], words, OPTIONS)
    require_compatible(
        setup(
            task.env,
            task.log_reward,
            **{key: value for key, value in choices.items() if key not in ("exact", "checkpoint")},
        )
    )


def test_an_unknown_name_is_answered_with_the_nearest():
    code, out, err = answer("show", "tbb")
    assert (code, out) == (2, "")
    assert re.match(r"anabranch: There is no task 'tbb', nor a part of a training of that name; did you mean tb\?", err)
