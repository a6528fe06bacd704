"""What the "what is this?" panel says: meaning for both sides, the SQL as run, the bound values."""

import msgspec

from tandem.core.query import QueryRunner, Question
from tandem.metrics.ask import counted
from tandem.metrics.catalogue import FIGURES
from tandem.metrics.metric import Ratio


class Explanation(msgspec.Struct, frozen=True):
    """One figure explained."""

    id: str
    label: str
    unit: str
    owner: str
    marketers: str
    engineers: str
    formula: str
    queries: list[tuple[str, dict[str, str]]]


def explained(figure_id: str, question: Question, runner: QueryRunner) -> Explanation:
    """The figure's meaning, and the SQL that this question would run for it."""
    counted((figure_id,))
    figure = FIGURES[figure_id]
    asked = msgspec.structs.replace(question, figures=(figure_id,))
    formula = f"{figure.top} / {figure.bottom}" if isinstance(figure, Ratio) else f"{figure.value} from {figure.view}"
    queries = [(q.sql, {k: str(v) for k, v in q.params.items()}) for q in runner.planned(asked)]
    return Explanation(
        figure.id, figure.label, figure.unit, figure.owner, figure.marketers, figure.engineers, formula, queries
    )
