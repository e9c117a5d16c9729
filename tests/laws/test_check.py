"""check: silent on sound spaces, and each planted fault refuted by its law, state and action named."""

import pickle
import time

import numpy as np
import pytest

from anabranch.envs.faces import Faces
from anabranch.graph.tabulate import tabulate
from anabranch.ground.errors import ConfigError, LawError
from anabranch.laws import walked
from anabranch.laws.check import LAWS, RefutedError, check, examine, require_arguments
from support import planted, planted_forms, spaces

SOUND = [
    Faces(),
    planted.Subset(n=5, k=3),
    planted.Grid(),
    planted.BoundedGrid(dims=3),
    planted.TokenGrid(),
    planted.Cells(),
    planted_forms.MergedSubset(),
    planted.Line(),
    planted.Point(),
    planted.Point(labels=2),
    spaces.Slots(3, 2),
]

FAULTS = {
    planted.UndoesTheNeighbour: ("L1", "action 0 is legal at {} and leads to {0}", "back to {0} instead of {}"),
    planted.UndoableTooNarrow: ("L1", "leads to {0}, but undoable does not allow 0 there", "Also refuted: L3"),
    planted.DerivedLeafNotRestored: ("L1", "action 1 is legal at ...", "... = {'filled'", "'value': [1, 0, 0]"),
    planted.OneLabelTwoParents: ("L1", "action 0 leads both from (1,) and from (2,) to (3,)", "name labels"),
    planted.UndoableTooWide: ("L2", "undoable allows action 0 at {1}", "step 0 leads to {0, 1}, not back to {1}"),
    planted.AllTrueUndoable: ("L2", "undoable allows action 1 at {0}", "is its mask missing?", "Also refuted: L3"),
    planted.OrderForgotten: ("L2", "undoable allows action 0 at {0, 1}", "gives {1}, where 0 is not legal"),
    planted.UnreachableParent: ("L2", "undoable allows action 0 at (2,)", "gives (1,), which cannot be reached"),
    planted.UndoableAtTheStart: ("L3", "undoable allows action 2 at the initial state {}"),
    planted.DeadEnd: ("L4", "nothing is legal at {0, 1, 2}", "reached by action 2 from {0, 1}"),
    planted.AllTrueLegal: ("L5", "{0} --0--> {0}", "is its mask missing?", "Also refuted: L1"),
    planted.Ring: ("L5", "(0,) --0--> (1,) --0--> (2,) --0--> (3,) --0--> (4,) --0--> (5,) --0--> (0,)"),
    planted.MaxStepsTooSmall: ("L5", "3 moves (the actions 0, 1, 2) lead", "to {0, 1, 2}, but max_steps is 2"),
    planted.LongestPathForgotten: ("L5", "6 moves (the actions 0, 0, 0, 0, 0, 0)", "to (6,), but max_steps is 3"),
    planted.EndlessCounter: ("L5", "7 moves (the actions 0, 1, 1, 1, 1, 1, 1)", "to (13,), but max_steps is 6"),
    planted_forms.Aliasing: ("L6", "the same [1.] at {0} and at {1}"),
    planted_forms.BoundsTooNarrow: ("L6", "bounds says 0 to 2, but a value is 3 at (3, 0)"),
    planted_forms.OneRangeForTwo: ("L6", "gives 1 ranges for a state of 2 leaves"),
    planted_forms.TokenOutOfRange: ("L6", "observe returns [0 7] at (0, 3)", "tokens 0 to 6"),
    planted_forms.NanObserved: ("L6", "nan", "at (3, 0)", "finite numbers"),
    planted.SlotShared: ("L7", "at {1, 3} the actions 1, 3 are all undoable and share backward slot 1"),
    planted_forms.SlotShape: ("L7", "backward_slot has shape (3,), but there are 6 labels"),
    planted_forms.SlotNegative: ("L7", "action 0 the slot -1"),
    planted_forms.SlotJax: ("L7", "must be a NumPy array of integers", "a JAX array"),
    planted_forms.SlotFloat: ("L7", "an array of float64"),
    planted_forms.PythonBranch: (
        "L8",
        "step branches in Python",
        "planted_forms.py, line",
        "if state[action]",
        "jnp.where",
    ),
    planted_forms.DataDependentShape: ("L8", "undoable makes a shape depend on the state", "jnp.nonzero"),
    planted_forms.BooleanIndex: ("L8", "can_stop makes a shape depend on the state", "jnp.where(mask, x, y)"),
    planted_forms.NumpyTable: ("L8", "legal hands a value that depends on the state to NumPy", "jnp.asarray"),
    planted_forms.PythonList: ("L8", "legal uses a value that depends on the state as a Python integer"),
    planted_forms.PythonNumber: ("L8", "can_stop needs the number behind a value"),
    planted_forms.BatchAxis: ("L8", "legal returns bool[1, 4], but must return bool[A]", "never a batch"),
    planted_forms.CanStopPerItem: ("L8", "can_stop returns bool[4], but must return one bool"),
    planted_forms.IntegerMask: ("L8", "legal returns int32[4], but a mask is boolean", "x > 0"),
    planted_forms.MaskOfLists: ("L8", "undoable must return one array"),
    planted_forms.UndoableLonger: ("L8", "legal returns bool[4] and undoable bool[5]"),
    planted_forms.FloatState: ("L8", "initial returns the state as float32[2]", "integer or boolean"),
    planted_forms.NoState: ("L8", "initial returns no array at all"),
    planted_forms.TextState: ("L8", "initial raised"),
    planted_forms.DtypeChanges: ("L8", "step changes the dtype of the state from int32[2]", "to int8[2]"),
    planted_forms.ShapeChanges: ("L8", "undo changes the shape of the state from bool[4]", "to bool[5]"),
    planted_forms.StructureChanges: ("L8", "step changes the structure of the state", "return what initial returns"),
    planted_forms.Raises: ("L8", "step raised KeyError", "planted_forms.py, line", "no such item"),
    planted_forms.RaisesWhenRun: ("L8", "when its compiled form ran: ValueError: the table is closed."),
    planted_forms.AssignsInPlace: ("L8", "step raised TypeError", "x.at[idx].set(y)"),
    planted_forms.MatrixObserved: ("L8", "observe returns float32[2, 4], but must return a vector"),
    planted_forms.BooleanObserved: ("L8", "observe returns bool[4], but must return floats"),
    planted_forms.TokensWithoutVocabulary: ("L8", "observe returns integer tokens (int32[2]), but vocabulary is None"),
    planted_forms.FloatsWithVocabulary: ("L8", "observe returns floats", "vocabulary says 8"),
    planted_forms.MaxStepsMethod: ("L8", "max_steps is a method", "@property"),
    planted_forms.MaxStepsFloat: ("L8", "max_steps must be a whole number >= 0", "3.0"),
    planted_forms.MaxStepsNegative: ("L8", "max_steps must be a whole number >= 0", "it is -1"),
    planted_forms.TwoObjectsOneDecode: ("L9", "{0} and {1} are both decoded as 1", "merges_objects"),
    planted_forms.UnhashableDecode: ("L9", "decode returns [] at {}", "a list that cannot be hashed"),
    planted_forms.DecodeRaises: ("L9", "decode raised KeyError at {0, 1, 2}"),
    planted_forms.EncodeForgets: ("L10", "encode gives 000 for '001', which decode made of 001"),
    planted_forms.EncodeOtherForm: ("L10", "encode gives int8[3] for '000'", "but the state is {'filled'"),
    planted_forms.EncodeRaises: ("L10", "encode raised AttributeError for '000'"),
    planted_forms.EncodeOtherObject: ("L10", "for 1, which is decoded as 0"),
}


def refutation(env, **limits):
    with pytest.raises(LawError) as caught:
        check(env, **limits)
    assert isinstance(caught.value, RefutedError)
    return caught.value


@pytest.mark.parametrize("env", SOUND, ids=lambda env: repr(env))
def test_a_sound_space_is_proved_in_silence(env, capsys):
    report = check(env)
    assert report.proved
    assert report.sound
    assert report.walks == 0
    assert {status.partition(":")[0] for status in report.laws.values()} <= {"proved", "not applicable"}
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_a_planted_fault_is_refuted_by_its_law(kind):
    law, *fragments = FAULTS[kind]
    error = refutation(kind())
    text = str(error)
    assert text.startswith(f"{kind.__name__}(")
    assert f"breaks {law} ({LAWS[law]}): " in text
    assert [fragment for fragment in fragments if fragment not in text] == []
    assert next(iter(error.report.refuted)) == law
    assert "Traceback" not in text
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_the_report_counts_what_it_saw_and_says_it_in_one_table():
    report = check(Faces())
    assert (report.states, report.edges, report.objects) == (42, 96, 20)
    lines = report.lines()
    assert lines[0].startswith("Faces(): sound (all of them: 42 states, 96 edges, 20 objects; ")
    assert len(lines) == 1 + len(LAWS)
    assert str(report) == "\n".join(lines)


def test_a_report_of_a_broken_space_lists_every_broken_law():
    report = examine(planted.AllTrueUndoable())
    assert list(report.refuted) == ["L2", "L3"]
    assert not report.sound
    assert "breaks L2, L3" in report.lines()[0]
    assert report.laws["L1"] == "proved"
    assert any("undoable allows action 1 at {0}" in line for line in report.lines())


def test_merged_objects_are_reported_and_not_refuted():
    report = check(planted_forms.MergedSubset())
    assert report.laws["L9"] == "not applicable: merges_objects is True (15 finished states are 4 objects)"
    assert report.laws["L10"] == "proved"


def test_an_error_can_be_pickled():
    error = refutation(planted.DeadEnd())
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert str(again) == str(error)
    assert again.report == error.report


def test_a_list_as_a_field_is_named():
    assert "the field names is a list, which cannot be hashed" in str(refutation(planted_forms.ListField(names=["a"])))


LARGE = {"max_states": 200, "walks": 24}

LARGE_FAULTS = {
    planted.UndoesTheNeighbour: ("L1", "but undo takes"),
    planted.UndoableTooNarrow: ("L1", "does not allow 0 there"),
    planted.UndoableTooWide: ("L2", "undoable allows action 0 at {", "let undoable allow only"),
    planted.AllTrueUndoable: ("L2", "undoable allows action"),
    planted.UndoableAtTheStart: ("L3", "undoable allows action 2 at the initial state {}"),
    planted.DeadEnd: ("L4", "nothing is legal at {"),
    planted.AllTrueLegal: ("L5", "legal actions lead from a state back to itself"),
    planted.MaxStepsTooSmall: ("L5", "20 moves (the actions ", "but max_steps is 19"),
    planted_forms.Aliasing: ("L6", "the same [1.] at {"),
    planted.SlotShared: ("L7", "the actions 1, 3 are all undoable and share backward slot 1"),
    planted_forms.PythonBranch: ("L8", "step branches in Python"),
    planted_forms.TwoObjectsOneDecode: ("L9", "are both decoded as 1"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("env", [planted.Subset(n=80, k=40), planted.BoundedGrid(dims=6, side=10), planted.Cells(30)])
def test_a_space_too_large_is_sampled(env):
    report = check(env, **LARGE)
    assert not report.proved
    assert report.walks == 24
    assert report.states > report.edges + 1, "the states of the walks back count too"
    assert {status.partition(":")[0] for status in report.laws.values()} <= {"sampled", "not applicable"}
    assert report.lines()[0].startswith(f"{env!r}: sound (24 random walks: ")


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("kind", LARGE_FAULTS, ids=lambda kind: kind.__name__)
def test_a_fault_in_a_space_too_large_is_found_on_walks(kind):
    law, *fragments = LARGE_FAULTS[kind]
    error = refutation(kind(n=40, k=20), **LARGE)
    assert f" breaks {law} " in str(error)
    assert [fragment for fragment in fragments if fragment not in str(error)] == []


def test_walks_find_a_cycle_of_many_states():
    text = str(refutation(planted.Ring(side=50), max_states=10, walks=2))
    assert "breaks L5" in text
    assert "(0,) --0--> (1,) --0--> (2,) --0--> (3,) ... (44 more) ..." in text


def test_walks_back_must_arrive_at_the_initial_state():
    text = str(refutation(planted.UnreachableParent(side=60), max_states=10, walks=8))
    assert "breaks L2" in text
    assert "lead back to (1,), which is not the initial state (0,), and no further" in text


def test_walks_test_encode_and_the_form_of_slots():
    assert " breaks L10 " in str(refutation(planted_forms.EncodeForgets(cells=12), **LARGE))
    assert " breaks L7 " in str(refutation(planted_forms.SlotShape(cells=12), **LARGE))


def test_integers_of_unknown_range_are_said_where_they_cannot_be_enumerated():
    report = check(planted.Grid(dims=6, side=10), **LARGE)
    assert report.laws["L6"].startswith("not applicable: integers of unknown range")


def test_long_walks_are_fewer_so_that_they_fit_in_memory(monkeypatch):
    monkeypatch.setattr(walked, "MOST_BYTES", 7 * (4 + 1) * 12)
    assert check(planted.Subset(n=12, k=4), max_states=10, walks=64).walks == 7


def test_the_same_seed_walks_the_same_way():
    one, two = (check(planted.Subset(n=40, k=4), max_states=9, walks=5, seed=1) for _ in range(2))
    assert (one.states, one.edges, dict(one.laws)) == (two.states, two.edges, dict(two.laws))


def test_what_time_does_not_allow_is_said():
    report = check(planted.Cells(cells=4), max_states=9, walks=8, seconds=1e-3)
    assert report.laws["L9"] == report.laws["L10"] == f"sampled: 1 of {report.objects} objects"


@pytest.mark.thorough
def test_a_check_of_many_labels_keeps_to_its_time():
    """All children of one state are 400 MB here: 8 s of listing, and 256 walks as many again."""
    began = time.process_time()
    report = check(planted.Subset(n=20_000, k=8), seconds=2.0)
    assert time.process_time() - began < 8.0, "compiling takes a second or two beside the two that are allowed"
    assert 1 <= report.walks < 256
    assert f"({report.walks} of 256 random walks: " in report.lines()[0]
    assert check(planted.Subset(n=20, k=8), max_states=9, walks=256).lines()[0].count(" of 256 ") == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_random_tabulated_graph_is_sound(seed):
    draw = np.random.default_rng(seed)
    last = int(draw.integers(1, 12))
    children = {state: draw.integers(state + 1, last + 1, int(draw.integers(1, 4))).tolist() for state in range(last)}
    assert check(tabulate(0, lambda state: children.get(state, []))).proved


@pytest.mark.parametrize("given", [planted.Subset, "subset", None])
def test_what_is_no_environment_is_refused(given):
    with pytest.raises(ConfigError, match="check needs an instance of an Environment"):
        require_arguments(given, 1, 1)


@pytest.mark.parametrize("limits", [{"walks": 0}, {"max_states": 0}])
def test_limits_out_of_range_are_refused(limits):
    with pytest.raises(ConfigError, match="max_states >= 1 and walks >= 1"):
        check(planted.Subset(), **limits)


def test_a_state_is_told_by_its_leaves_where_show_fails():
    class Speechless(planted.UndoableTooNarrow):
        def show(self, state):
            raise RuntimeError

    text = str(refutation(Speechless(n=2, k=2)))
    assert "action 0 is legal at [False, False] and leads to [True, False]" in text


def test_states_that_look_alike_are_told_apart_by_their_leaves():
    class Alike(planted_forms.Aliasing):
        def show(self, state):
            return "a set"

    text = str(refutation(Alike(n=80, k=1)))
    assert "(leaf 0 differs at [0]: False, not True)" in text
    assert np.char.count(text, "a set = [") == 2
