"""What the page does to a training: rewards, objectives, the transport, and the lessons that need one."""

import json
import time

import numpy as np
import pytest

import anabranch as ab
from support.studio import waited

pytestmark = pytest.mark.thorough

TRAINED = "studio.numbers()?.totalVariation"


@pytest.fixture
def page(tab, live):
    """The page of the training, which every test leaves paused, with the task's own reward and TB."""
    one = tab().open(live.url)
    one.until("studio.get().about?.steered && studio.get().live")
    yield one
    one.tell("document.querySelector('#live').click()")
    for script in ("#reward .buttons button", "[data-objective=tb]"):
        one.tell(f"document.querySelector('{script}').click()")
    one.until("!studio.get().edited")
    if one.tell("studio.get().playing"):
        one.page.click("#play")
    one.until("!studio.get().playing && studio.frame().objective === 'tb'")


def slide(page, name, value):
    page.tell(
        "([name, value]) => { const one = document.getElementById(name); one.value = value;"
        " one.dispatchEvent(new Event('input')); }",
        [name, value],
    )


def share_of(page, name, law):
    return float(page.text(f"#reward-shares [data-class='{name}'] [data-number='{law}']"))


def play_until(page, condition, seconds=60):
    if not page.tell("studio.get().playing"):
        page.page.click("#play")
    page.until(condition, seconds)


def pause(page):
    """Stop the training, and wait for its last frame: on a busy machine it comes after the word that it stopped."""
    page.page.click("#play")
    page.until("!studio.get().playing", 10)

    def still():
        step = page.tell("studio.frame().step")
        time.sleep(1.0)
        return page.tell("studio.frame().step") == step

    waited(still)


def test_happy_four_moves_the_target_at_once_and_the_training_follows(page):
    play_until(page, f"{TRAINED} < 0.02")
    slide(page, "reward-happy", 4)
    page.until(
        "document.querySelector('#reward-shares [data-class=happy] [data-number=target]').textContent === '0.8000'", 2
    )
    assert share_of(page, "sad", "target") == 0.2
    page.until(f"{TRAINED} < 0.02 && !studio.get().edited")
    waited(lambda: abs(share_of(page, "happy", "model") - 0.8) < 0.02)


def test_presets_single_objects_and_the_exponent(page):
    page.page.click("text=squared")
    page.until("Math.abs(studio.numbers().target[studio.get().space.steered.fields.happy.objects[0]] - 0.2) < 1e-12", 5)
    happy = page.tell("studio.get().space.steered.fields.happy.objects[0]")
    page.tell("(place) => studio.set({ selected: { state: studio.get().space.objects[place] } })", happy)
    page.page.fill("#reward-object", "20")
    page.page.press("#reward-object", "Enter")
    wanted = 20 / (20 + 3 * 4 + 4 * 1)
    page.until(f"Math.abs(studio.numbers().target[{happy}] - {wanted}) < 1e-12", 5)
    page.until("!studio.get().edited", 10)


def test_a_reward_of_zero_everywhere_is_said_in_words_and_the_page_stays_usable(page):
    for name in ("happy", "sad"):
        slide(page, f"reward-{name}", 0)
    page.until("document.querySelector('#reward-warning').textContent.startsWith('Every reward is 0')", 5)
    assert page.tell("document.querySelectorAll('[data-state]').length") == 42
    slide(page, "reward-happy", 2)
    slide(page, "reward-sad", 1)
    page.until("document.querySelector('#reward-warning').textContent === ''", 5)
    page.until("!studio.get().edited", 10)


@pytest.mark.parametrize("objective", ["db", "fm", "subtb"])
def test_each_balance_objective_keeps_the_weights_and_mends_the_flow(page, objective):
    play_until(page, f"{TRAINED} < 0.03")
    pause(page)
    before = page.tell(TRAINED)
    page.page.click(f"[data-objective={objective}]")
    page.until(f"studio.frame().objective === '{objective}' && !studio.get().words", 60)
    assert page.tell(TRAINED) == pytest.approx(before, abs=1e-6), "the weights stay"
    play_until(page, f"studio.frame().objective === '{objective}' && {TRAINED} < 0.02", 90)
    kind = {"db": ".stream.more, .stream.less, .stream.even", "fm": ".node.more, .node.less, .node.even"}
    assert page.tell(f"document.querySelectorAll('{kind.get(objective, kind['db'])}').length") >= 42


def test_reinforcement_learning_ends_among_the_happy_faces(page):
    """The target has 2.02 nats of entropy; four happy faces, drawn alike, have log 4 = 1.39."""
    play_until(page, f"{TRAINED} < 0.05")
    assert page.tell("studio.numbers().entropy") > 1.9
    page.page.click("[data-objective=pg]")
    page.until("studio.frame().objective === 'pg' && studio.numbers().entropy < 1.5", 90)
    waited(lambda: share_of(page, "happy", "model") > 0.95)
    page.page.click("#reset")
    page.until("studio.numbers().entropy > 2.0", 20)


def test_one_step_is_one_event_and_every_control_is_logged_with_its_step(page, live):
    step = page.tell("studio.frame().step")
    before = len(live.controls(live.root))
    for at in (1, 2, 3):
        page.page.click("#step")
        page.until(f"studio.frame().step === {step + at}", 10)
    page.page.select_option("#speed", "20")
    page.page.click("#settings summary")
    page.page.fill("#set-epsilon", "0.25")
    page.until("studio.get().choices.epsilon === 0.25", 10)
    page.page.fill("#set-epsilon", "0.1")
    page.page.click("#shake")
    page.page.select_option("#speed", "")
    logged = waited(lambda: [one for one in live.controls(live.root)[before:] if len(one)])
    waited(lambda: {"step", "speed", "epsilon", "shake"} <= {one["kind"] for one in live.controls(live.root)[before:]})
    logged = live.controls(live.root)[before:]
    assert [one["step"] for one in logged if one["kind"] == "step"] == [step, step + 1, step + 2]
    assert next(one["value"] for one in logged if one["kind"] == "epsilon") == 0.25


def test_an_event_is_on_the_page_within_a_tenth_of_a_second_of_being_written(page, capsys):
    play_until(page, "studio.get().playing")
    delays = []
    for _ in range(20):
        now = "performance.timeOrigin + studio.get().live.heard - 1000 * studio.get().live.now.written"
        delays.append(page.tell(now))
        page.page.wait_for_timeout(60)
    with capsys.disabled():
        print(f"\nfrom the trainer's clock to the page: median {np.median(delays):.0f} ms, most {max(delays):.0f} ms")
    assert np.median(delays) < 1000, "a guard against a broken stream; the figure is measured on an idle machine"


def test_closing_the_page_loses_nothing(tab, page, live):
    play_until(page, "studio.get().playing")
    step = page.tell("studio.frame().step")
    other = tab().open(live.url)
    other.until(f"studio.get().live?.step > {step}", 10)
    other.context.close()
    page.until(f"studio.frame().step > {step}", 10)


def test_python_that_is_copied_trains_the_same_task(tab, live, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    slide(page, "reward-happy", 3)
    page.until("!studio.get().edited", 10)
    page.page.click("#copy-python")
    page.until("document.querySelector('#share-words').textContent.includes('copied')", 5)
    code = page.tell("navigator.clipboard.readText()")
    compile(code, "copied", "exec")
    assert 'ab.make("faces", reward={"happy": 3' in code
    assert 'objective="tb"' in code
    short = "\n".join("    steps=3," if line.strip().startswith("steps=") else line for line in code.splitlines())
    names = {}
    exec(short, names)  # noqa: S102 - what the page says must run
    assert names["run"].steps == 3


def test_an_address_sets_objective_rewards_and_seed(tab, live, page):
    page.tell("document.querySelector('#set-seed').value")
    one = tab().open(f"{live.url}&objective=db&seed=5&reward=happy:3,sad:1,invalid:0")
    one.until("studio.frame().objective === 'db' && studio.get().choices.seed === 5", 60)
    one.until("studio.get().choices.reward.fields.happy === 3", 10)
    page.page.click("#settings summary")
    page.page.fill("#set-seed", "0")
    page.until("studio.get().choices.seed === 0", 10)


def test_every_lesson_can_be_completed(page, live):
    def reached(number, seconds=60):
        page.until(f"studio.get().done.includes({number})", seconds)
        page.until("document.querySelector('#lesson-goal').dataset.done === 'true'", 5)
        page.page.click("#lesson-next")

    page.page.click("#reset")
    page.page.click("[data-state='8'] .disc", force=True)
    reached(0)
    page.page.click("[data-state='30'] .disc", force=True)
    reached(1)
    page.page.click("#play")
    reached(2)
    page.page.click("#walk-draw")
    reached(3)
    page.page.click("text=happy 4, sad 1")
    reached(4)
    reached(5)
    page.page.click("[data-objective=pg]")
    reached(6, 90)
    page.page.click("[data-objective=tb]")
    page.page.click("#reset")
    page.until("studio.get().done.includes(7)", 60)


def test_the_run_of_the_page_is_a_run_like_any_other(page, live):
    place = live.root / live.name
    page.page.click("text=happy 4, sad 1")
    page.until("!studio.get().edited", 10)
    page.page.click("#step")
    page.until("studio.get().choices.reward.fields.happy === 4", 10)
    config = waited(lambda: json.loads((place / "run.json").read_text()))
    assert config["reward"]["happy"] == 4.0
    time.sleep(1.0)  # the rhythm of checkpoints
    run = ab.load(place)
    assert run.evaluate(samples=100).log_z_exact == pytest.approx(np.log(20.0))
