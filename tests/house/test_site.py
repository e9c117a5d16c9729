"""The site has every public name, every question of a beginner, and no dead link."""

import os
import re

import pytest
from handbook.places import site_place
from handbook.reference import GROUPS, command_line_page, homes, reference_pages

import anabranch as ab
from support.house import ROOT, none_of

LINK = re.compile(r"(?<!\!)\]\(([^)\s]+)\)")
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "docs").rglob("*.py"),
    *(ROOT / "benchmarks" / "results").glob("*.md"),
]
QUESTIONS = (
    "What is a logarithm?",
    "Why does training live in log space?",
    "What is the softmax?",
    "What is the log-softmax?",
    "Why is the softmax not a layer?",
    "What is the negative log-likelihood (NLL)?",
    "What is the cross-entropy?",
    "What is the mean squared error (MSE)?",
    "Which of them trains a flow?",
    "Why is it called a flow?",
    "What does conservation say?",
    "Where does the reward come in?",
    "What is P_F?",
    "Why is p(x) proportional to R(x)?",
    "What do all valid paths look like?",
    "How is a flow worked out by hand?",
    "Why a network at all, when the flow can be solved?",
    "What are the training data?",
    "Must the flow be known for the training?",
    "What does the network put out?",
    "How does a policy come from edge flows?",
    "Why does no part come twice?",
    "Flow matching",
    "Linear or logarithmic?",
    "Detailed balance",
    "Trajectory balance",
    "A toy example with its numbers",
    "Sub-trajectory balance",
    "What does the GFlowNet draw?",
    "What does reinforcement learning draw?",
    "What does the flow of the GFlowNet look like?",
    "What does the flow of reinforcement learning look like?",
    "Is the model not generic?",
    "for t in range(3)",
    "What about a reward of zero?",
    "What did the original notebook reach?",
)


def test_every_public_name_stands_in_the_reference_once():
    text = "\n".join(text for _, text in reference_pages())
    none_of(f"{name} is not in the reference" for name in homes() if text.count(f"## `anabranch.{name}` ") != 1)
    assert set(homes()) <= set(dir(ab))
    assert len({folder for _, folders, _ in GROUPS.values() for folder in folders}) > len(GROUPS)


def test_every_verb_stands_on_the_page_of_the_command_line():
    text = command_line_page()
    assert text.count("\nusage: anabranch ") == text.count("\n## anabranch ")


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_of_the_notes_has_its_heading(question):
    headings = [line for page in (ROOT / "docs" / "tutorial").glob("*.py") for line in page.read_text().splitlines()]
    assert any(line.startswith("# ## ") and question in line for line in headings)


MADE = {"docs/faces.html", "docs/reference/command_line.md", *(f"docs/{place}" for place, _ in reference_pages())}
"""What is only there when the site is built."""


def dead_links(page):
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))):
        target = link.partition("#")[0]
        place = os.path.relpath(page.parent / target, ROOT)
        if target and ":" not in target and place not in MADE and not (ROOT / place).exists():
            yield f"{page.relative_to(ROOT)} links to {link}, which is not there"


def test_no_link_is_dead():
    none_of(found for page in PAGES for found in dead_links(page))


def test_a_dead_link_is_seen(tmp_path):
    page = ROOT / "docs" / "rewards.md"
    assert list(dead_links(page)) == []
    assert site_place("docs/rewards.md") == "rewards.md"
    assert LINK.findall("[there](nowhere.md)") == ["nowhere.md"]


def test_each_task_has_a_card():
    none_of(
        f"{name} has no card: python -m handbook.cards {name}"
        for name in ab.task_names()
        if not (ROOT / "docs" / "tasks" / f"{name}.md").is_file()
    )
