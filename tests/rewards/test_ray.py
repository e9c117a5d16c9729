"""Rewards on a Ray cluster, which this file starts: the same values, and a lost or hanging worker is replaced."""

import os
import signal
import time

import pytest

from anabranch.ground.errors import RewardError
from anabranch.rewards.python_reward import python_reward
from support import scores
from support.killing import processes_with
from support.python_trainings import GRID, require_same, trained
from support.scores import encoded

ray = pytest.importorskip("ray")
OBJECTS = [(x, y) for x in range(4) for y in range(4)]
pytestmark = [
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def outcomes_of(function, **settings):
    service = python_reward(function, workers="ray", **settings).on(GRID).service
    try:
        return dict(zip(OBJECTS, service.outcomes(service.submit(encoded(OBJECTS))), strict=True))
    finally:
        service.rest()


def require_others_unharmed(found):
    for item in OBJECTS:
        if not scores.is_bad(item):
            assert (found[item].status, found[item].row) == ("ok", (1.0 + sum(item),)), item


def test_a_cluster_gives_the_parameters_of_one_process():
    require_same(trained(scores.values, workers="ray"), trained(scores.values))


def test_a_function_of_a_notebook_works_too():
    found = outcomes_of(lambda objects: [2.0 + sum(item) for item in objects], batch_size=4)
    assert [found[item].row for item in OBJECTS] == [(2.0 + sum(item),) for item in OBJECTS]


def test_a_hanging_call_is_ended_at_its_deadline():
    outcomes_of(scores.values)
    began = time.monotonic()
    found = outcomes_of(scores.hangs, timeout=1.0, retries=0)
    require_others_unharmed(found)
    assert {found[item].status for item in OBJECTS if scores.is_bad(item)} == {"timeout"}
    assert time.monotonic() - began < 60.0, (
        "each call would hang for ever; on an idle machine all four are ended in some six seconds"
    )


def test_an_object_that_ends_its_actor_is_poison_and_an_exception_is_text():
    found = outcomes_of(scores.leaves, retries=1)
    require_others_unharmed(found)
    assert {found[item].status for item in OBJECTS if scores.is_bad(item)} == {"poison"}
    found = outcomes_of(scores.raises_strangely)
    require_others_unharmed(found)
    assert {found[item].status for item in OBJECTS if scores.is_bad(item)} == {"failed"}


def test_a_lost_actor_loses_no_object(tmp_path, monkeypatch):
    service = python_reward(scores.slow, workers="ray", batch_size=2).on(GRID).service
    ticket = service.submit(encoded(OBJECTS))
    until = time.monotonic() + 60
    killed = None
    while killed is None and time.monotonic() < until:
        killed = next(iter(processes_with("ray::Caller.call")), None)
        time.sleep(0.02)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    found = service.outcomes(ticket)
    service.rest()
    assert [one.row for one in found] == [(1.0 + sum(item),) for item in OBJECTS]
    assert service.evaluated == len(OBJECTS)


def test_a_cluster_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr("anabranch.rewards.crew.START_SECONDS", 0.0)
    with pytest.raises(RewardError, match="The Ray cluster cannot evaluate the reward: none was ready within 0 s"):
        outcomes_of(scores.values)
