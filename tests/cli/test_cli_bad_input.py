"""What the command line refuses: one sentence, the right exit code, nothing printed elsewhere, nothing on disk."""

from pathlib import Path

import pytest

from anabranch.cli.tables import show_table
from support.tiny import FLAGS, MY_SPACES, answer, train_faces, tree

REFUSED = {
    "trian faces": "There is no verb 'trian'; did you mean train?",
    "train": "required: TASK. See anabranch train --help",
    "train face": "There is no task 'face'; did you mean faces?",
    "train faces more": "'more' is one argument too many",
    "train --sed 1 faces": "train has no flag --sed; did you mean --seed?",
    "train faces --env.n 5": "train has no flag --env.n. See anabranch train --help",
    "train faces --objective tbb": "There is no objective 'tbb'; did you mean tb?",
    "train faces --policy mpl": "There is no policy 'mpl'; did you mean mlp?",
    "train faces --backward uniformm": "There is no backward policy 'uniformm'; did you mean uniform?",
    "train faces --backward none": "There is no backward policy 'none'",
    "train faces --reward.hapy 4": "no flag --reward.hapy; did you mean --reward.happy?",
    "train faces --objective.lam 0.5": "train has no flag --objective.lam",
    "train faces --policy tabular --policy.width 8": "train has no flag --policy.width",
    "train faces --steps": "--steps: expected one argument",
    "train faces --steps 0": "steps must be a positive whole number; given 0",
    "train faces --steps x": "--steps must be INT; given 'x'",
    "train faces --steps 2.5": "--steps must be INT; given 2.5",
    "train faces --steps 999999999999999": "--steps must lie within 2,147,483,647 of 0",
    "train faces --seed 99999999999": "--seed must be a whole number from 0 to 2,147,483,646; given 99999999999.",
    "train faces --batch 0": "batch must be a positive whole number",
    "train faces --reward.happy -1": "The reward happy=-1.0 must be a finite number >= 0",
    "train faces --reward.happy nan": "--reward.happy is NaN",
    "train faces --reward.happy inf": "The reward happy=inf must be a finite number >= 0",
    "train faces --reward.happy 0 --reward.sad 0": "Every object has a reward of 0",
    "train faces --explore.epsilon 2": "epsilon is a probability between 0 and 1; given 2.0",
    "train faces --explore.per face": "--explore.per must be step|trajectory; given 'face'",
    "train faces --objective pg --explore.epsilon 0.1": "PolicyGradient is valid on-policy only: leave epsilon at 0",
    "train faces --objective fm --backward learned": "--backward: the objective fm has no backward policy",
    "train faces --objective mdb": "mdb needs a space in which every state is a finished object; Faces has states",
    "train faces --objective fl-db": "fl-db needs the energy of partial objects: give the reward FacesReward a method",
    "train faces --objective rtb": "rtb needs the sampler that it starts from: give prior=policy (--prior RUN)",
    "train faces --objective rtb --prior nowhere": "nowhere is not a directory",
    "train hypergrid --objective rtb --prior RUN": "is a run of the environment Faces; the given task has Hypergrid",
    "train faces --objective ml": "ml learns from a data set: give data=[object, ...] (--data FILE)",
    "train faces --objective ml --data nowhere": "There is no file nowhere: give a file of objects, one a line",
    "train faces --objective ml --data full": "There is no file full: give a file of objects, one a line",
    "train faces --data full/file": "full/file, line 1 is no JSON (Expecting value): give one object a line",
    "train faces --data full/empty": "The data set is empty: give at least one object",
    "train faces --data full/number": "The data set holds 3, which Faces cannot encode",
    "train faces --data full/half": "The data set holds ('smile',), which is not a finished object of Faces",
    "train faces --data full/bytes": "full/bytes is no text file: give objects, one a line",
    "train bits --data full/file": "Strings here have 12 bits, each 0 or 1; given 'precious'",
    "train faces --replay.share 2": "The replayed share of a batch lies between 0 and 1; given 2.0",
    "train faces --replay.share 1": "at least one trajectory of each batch must be drawn anew",
    "train faces --replay.share 0.5 --replay.capacity 0": "The capacity of the replay buffer must be positive; given 0",
    "train faces --replay.priority best": "--replay.priority must be uniform|reward; given 'best'",
    "train faces --replay.shar 0.5": "no flag --replay.shar; did you mean --replay.share?",
    "train faces --search.share 1": "The searched share of a batch lies from 0 to below 1; given 1.0",
    "train faces --search.depth 0": "rounds and depth must be positive; given rounds=4, depth=0",
    "train faces --search.accept all": "--search.accept must be better|metropolis; given 'all'",
    "train faces --objective pg --replay.share 0.5": "The objective pg is valid on-policy only",
    "train faces --objective fm --search.share 0.5": "The objective fm has no P_B, by which replay and local search",
    "train faces --objective soft-dqn --backward learned": "soft-dqn gives the backward policy learned nothing",
    "train faces --backward pessimistic": "pessimistic learns from replay: give replay=Replay(deduplicate=False)",
    "compare faces --objectives tb,mdb": "mdb needs a space in which every state is a finished object",
    "train faces --policy.width 0": "MLP needs a positive width and depth; given width=0",
    "train faces --optimizer.learning_rate inf": "learning_rate must be positive and finite",
    "train faces --log-z-rate 0": "log_z_rate must be positive and finite",
    "train faces --zero-floor nan": "--zero-floor is NaN",
    "train faces --out full": "full exists already: choose another --out, or remove it. Nothing was overwritten.",
    "train faces --out full/file": "full/file exists already",
    "train faces --out full/file/deeper": "full/file/deeper cannot be made (Not a directory)",
    f"train faces --out {'x' * 300}": "cannot be used (File name too long)",
    "evaluate": "required: DIR",
    "evaluate nowhere": "nowhere is not a directory",
    f"evaluate {'x' * 300}": "is not a directory",
    "evaluate full": "full is not a run: it has no run.json",
    "sample full/file": "full/file is not a directory",
    "walk nowhere": "nowhere is not a directory",
    "plot nowhere": "nowhere is not a directory",
    "evaluate RUN --jsno": "evaluate has no flag --jsno; did you mean --json?",
    "evaluate RUN more": "'more' is one argument too many",
    "evaluate RUN --samples 0": "samples must be a positive whole number; given 0",
    "evaluate RUN --task STRANGER:task": "is a run of the environment Faces; the given task has Subset",
    "sample RUN --n 0": "n must be a positive whole number; given 0",
    "sample RUN --n x": "--n must be INT; given 'x'",
    "plot RUN --out full/file": "full/file cannot be made (File exists)",
    "compare face": "There is no task 'face'; did you mean faces?",
    "compare faces --objectives tb,tbb": "There is no objective 'tbb'; did you mean tb?",
    "compare faces --objectives tb,tb": "--objectives needs different names; given 'tb,tb'",
    "compare faces --objectives ,": "--objectives needs different names",
    "compare faces --objective tb": "compare has no flag --objective; did you mean --objectives?",
    "compare faces --steps 0": "steps must be a positive whole number; given 0",
    "compare faces --explore.epsilon 0.2": "PolicyGradient is valid on-policy only",
    "compare faces --out full": "full exists already",
    "compare STRANGER:nan --objectives tb": "log_reward is nan for",
    "list more": "'more' is one argument too many",
    "show nothing": "There is no task 'nothing'",
    "show full": "full is not a run: it has no run.json",
    "check": "required: TARGET",
    "check face": "There is no task 'face'; did you mean faces?",
    "check STRANGER:Subset": "Subset needs n, k: add --env.n VALUE --env.k VALUE.",
    "check STRANGER:Subset --env.n 5": "Subset needs k: add --env.k VALUE.",
    "check STRANGER:Subset --env.n x --env.k 2": "--env.n must be INT; given 'x'",
    "check STRANGER:Subset --env.m 5": "no flag --env.m; did you mean --env.n?",
    "check STRANGER:Heavy": "is the class Heavy, not an anabranch.Environment, nor an anabranch.Task",
    "train STRANGER:tsk": "my_spaces.py has no 'tsk'; did you mean task?",
    "train STRANGER:Subset": "Subset is an Environment without a reward: add --reward FILE.py:NAME",
    "train STRANGER:task --env.n -1": "(from ",
    "train nowhere.py:task": "There is no file nowhere.py: give FILE.py:NAME",
    "train no.such.module:task": "There is no module 'no.such.module'",
    "train json.nothing:task": "There is no module 'json.nothing'",
    "train :task": "There is no module ''",
    "train ..:task": "There is no module '..'",
    "train json:dumps": "json:dumps is an object of function, not an anabranch.Task",
    "studio fases": "fases is neither a run directory nor a task; did you mean faces?",
    "studio nowhere/run": "nowhere/run is neither a run directory nor a task",
    "studio full": "full is not a run, it has no run.json: of all runs below it, --root full.",
    "studio RUN more": "'more' is one argument too many",
    "studio RUN --root full": "does not lie below --root full: leave --root out",
    "studio --static page.html": "--static writes the page of a run: give its directory.",
    "studio faces --static page.html": "--static writes the page of a run: give its directory, not 'faces'.",
    "studio RUN --static nowhere/page.html": "nowhere/page.html cannot be written (No such file or directory)",
    "studio RUN --static full": "full cannot be written (Is a directory): choose another --static.",
    "studio --port 70000": "--port is a number from 0 to 65535; given 70000.",
    "studio --port -1": "--port must be a whole number from 0",
    "studio --host 192.0.2.1": "is free at 192.0.2.1 (",
}

REWARDS = {
    "nan": "log_reward is nan for (False, True, True, False): a reward must be a finite number >= 0",
    "negative": "log_reward is nan for (False, True, True, False): a reward must be a finite number >= 0",
    "infinite": "log_reward is inf for (True, False, False, True): a reward must be a finite number >= 0",
    "nothing": "Every object has a reward of 0",
    "vector": "returned shape (4,) of float32 for one state: it must be one number",
    "truth": "returned shape () of bool for one state: it must be one number, log R(x), in nats",
    "branching": "The log-reward python_branch cannot be traced by JAX",
    "dividing": "divides_by_zero",
    "missing": "log-reward",
    "text": "log-reward",
}

FILES = {
    "import nothing_like_it": "cannot be imported, ModuleNotFoundError at line 1: No module named 'nothing_like_it'",
    "def (": "cannot be imported, SyntaxError at line 1",
    "a = 1\nb = a / 0": "cannot be imported, ZeroDivisionError at line 2: division by zero",
    "raise SystemExit(3)": "cannot be imported, SystemExit at line 1: 3",
    "import json\njson.loads('{')": "cannot be imported, JSONDecodeError at line 2",
    "import anabranch\ntask = anabranch.Task(3, len)": "takes an instance of an Environment, such as Subset",
    "from my_spaces import *\ntask = ab.Task(Subset, Heavy())": "takes an instance of an Environment",
    "from my_spaces import *\ntask = ab.Task(space, Thawed())": "Thawed is not hashable: write @dataclass(frozen=True)",
    "task = 3": "task is an object of int, not an anabranch.",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("refused") / "run"
    train_faces(out=place)
    return place


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A working folder that holds a folder that holds a file."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("precious")
    (tmp_path / "full" / "empty").write_text("\n\n")
    (tmp_path / "full" / "number").write_text("3")
    (tmp_path / "full" / "half").write_text('["smile"]')
    (tmp_path / "full" / "bytes").write_bytes(b"\xff\xfe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(words, *arguments):
    before = tree(Path.cwd())
    code, out, err = answer(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("anabranch: ")
    assert err.count("\n") == 1
    assert words in err
    assert tree(Path.cwd()) == before


@pytest.mark.parametrize("command", REFUSED)
def test_one_sentence_exit_2_and_nothing_on_disk(full, run, command):
    before = tree(run)
    words = [word.replace("RUN", str(run)).replace("STRANGER", MY_SPACES) for word in command.split()]
    refused(REFUSED[command], *words)
    assert tree(run) == before


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name", REWARDS)
def test_a_strangers_reward_is_refused_by_name(full, name):
    refused(REWARDS[name], "train", f"{MY_SPACES}:{name}", *FLAGS)


@pytest.mark.thorough
def test_an_environment_that_raises_is_named_with_the_place_and_its_run_needs_the_file_again(full):
    """Uniform P_B needs no undo in training: the run is kept, its report fails."""
    code, out, err = answer("train", f"{MY_SPACES}:raising", "--steps", 10, "--policy", "tabular", "--out", "raising")
    assert (code, out) == (2, "")
    assert err.startswith(f"anabranch: ValueError: undo is not written yet (from {MY_SPACES}, line ")
    assert err.count("\n") == 1
    refused("which is not a task known by name: name its file again (--task FILE:NAME", "evaluate", "raising")
    refused(
        "raising is a run of the environment Raising; the given task has Faces", "walk", "raising", "--task", "faces"
    )


@pytest.mark.parametrize("source", FILES)
def test_a_strangers_file_is_refused_with_the_line(full, monkeypatch, source):
    monkeypatch.syspath_prepend(str(Path(MY_SPACES).parent))
    Path("broken.py").write_text(source)
    refused(FILES[source], "train", "broken.py:task")
    refused(FILES[source], "check", "broken.py:task")


def test_check_refutes_with_exit_1():
    code, out, err = answer("check", MY_SPACES + ":Forgetful", "--env.n", 4, "--env.k", 2)
    assert (code, err) == (1, "")
    assert out.startswith("Forgetful(n=4, k=2) breaks L1")
    assert "action 0" in out
    code, out, _ = answer("check", MY_SPACES + ":Raising", "--env.n", 4, "--env.k", 2)
    assert code == 1
    assert "undo raised ValueError" in out


def test_markup_in_text_is_text(capsys):
    text = "[/bold][red] :smile: 0"
    show_table(text, (text,), [(text,)], note=text)
    assert capsys.readouterr().out.count(text) == 4
