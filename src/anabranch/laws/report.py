"""What a check found: the status of every law, and the error that carries it."""

import dataclasses
import textwrap
from collections.abc import Mapping

from anabranch.ground.errors import LawError

LAWS: Mapping[str, str] = {
    "L1": "a legal step can be undone, and undo takes it back",
    "L2": "an undoable label leads back to a reachable parent, where it is legal and leads here again",
    "L3": "only the initial state has no parent, and nothing is undoable there",
    "L4": "no dead end: where nothing is legal, a state may stop",
    "L5": "no cycle, and no path longer than max_steps",
    "L6": "observe tells states apart",
    "L7": "at most one undoable label a backward slot",
    "L8": "plain shapes and dtypes that never change; every method works under jit and vmap",
    "L9": "decode tells objects apart",
    "L10": "encode inverts decode",
}
DENSITY_LAWS: Mapping[str, str] = {
    "K1": "the densities of both kernels integrate to one",
    "K2": "what is drawn from a kernel agrees with its density",
    "K3": "each step forward can be undone: backward gives its parent a finite density",
    "K4": "each step backward leads forward again, and walks back end at the initial state",
    "K5": "every walk forward ends within max_steps, and never at the initial state again",
    "K6": "log-densities, their gradients and observations are finite wherever they are asked for",
    "K7": "plain shapes and dtypes that never change; every method works under jit and vmap",
}
"""The laws of a space whose steps are densities."""
MOST_TELLING = (
    *("L8", "L5", "L4", "L1", "L2", "L3", "L7", "L6", "L9", "L10"),
    *("K7", "K5", "K6", "K3", "K4", "K1", "K2"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckReport:
    """The status of every law for one environment; `str(report)` is a table of them."""

    env: str
    """The environment, as text."""
    proved: bool
    """True: every state and edge was seen. False: those that random walks came by, or none (L8 broken)."""
    walks: int
    """Random walks taken; 0 where the space was enumerated."""
    states: int
    """Different states visited."""
    edges: int
    """Edges walked."""
    objects: int
    """Finished states among those seen."""
    seconds: float
    """Seconds that the check took."""
    walks_asked: int = 0
    """Random walks that were asked for; fewer are taken where memory or time do not allow them."""
    laws: Mapping[str, str]
    """For each law "proved", "sampled", "not applicable", "not checked" or "refuted: ...", with details."""
    remarks: tuple[str, ...] = ()
    """What is lawful and looks like a mistake."""

    @property
    def refuted(self) -> dict[str, str]:
        """The sentence on each broken law, the most telling first."""
        start = "refuted: "
        return {
            law: self.laws[law].removeprefix(start) for law in MOST_TELLING if self.laws.get(law, "").startswith(start)
        }

    @property
    def sound(self) -> bool:
        """Whether no law was refuted."""
        return not self.refuted

    @property
    def sentences(self) -> Mapping[str, str]:
        """The laws that it is about, each in a sentence."""
        return LAWS if "L1" in self.laws or not self.laws else DENSITY_LAWS

    @property
    def _walks_text(self) -> str:
        fewer = f" of {self.walks_asked:,}" * (self.walks < self.walks_asked)
        return f"{self.walks:,}{fewer} random walks: "

    def lines(self) -> list[str]:
        """The table, line by line."""
        how = "all of them: " if self.proved else self._walks_text if self.walks else ""
        edges = "edges" if self.sentences is LAWS else "moves"
        seen = f"{self.states:,} states, {self.edges:,} {edges}, {self.objects:,} objects"
        verdict = "sound" if self.sound else "breaks " + ", ".join(self.refuted)
        table = [f"{self.env}: {verdict} ({how}{seen}; {self.seconds:.1f} s)"]
        for law, sentence in self.sentences.items():
            status, _, details = self.laws[law].partition(": ")
            table.append(f"  {law:<4} {status:<15} {sentence}")
            table += textwrap.wrap(details, 110, initial_indent=" " * 9, subsequent_indent=" " * 9)
        for remark in self.remarks:
            table += textwrap.wrap(f"remark: {remark}", 110, initial_indent="  ", subsequent_indent=" " * 9)
        return table

    def __str__(self) -> str:
        return "\n".join(self.lines())


class RefutedError(LawError):
    """A law is refuted by a counter-example; `report` holds the status of every law."""

    report: CheckReport


def refuted_error(report: CheckReport) -> RefutedError:
    """The error for a report with broken laws: the most telling in full, the others by name."""
    first, *others = report.refuted
    text = f"{report.env} breaks {first} ({report.sentences[first]}): {report.refuted[first]}"
    if others:
        text += " Also refuted: " + "; ".join(f"{law} ({report.sentences[law]})" for law in others) + "."
    error = RefutedError(text)
    error.report = report
    return error
