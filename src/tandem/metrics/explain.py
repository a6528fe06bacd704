"""What the "what is this?" panel says: meaning for both sides, the SQL as run, the bound values."""

import msgspec

from tandem.core.query import QueryRunner, Question
from tandem.metrics.ask import counted
from tandem.metrics.catalogue import METRICS
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


def explained(metric_id: str, question: Question, runner: QueryRunner) -> Explanation:
    """The figure's meaning, and the SQL that this question would run for it."""
    counted((metric_id,))
    metric = METRICS[metric_id]
    asked = msgspec.structs.replace(question, metrics=(metric_id,))
    formula = f"{metric.top} / {metric.bottom}" if isinstance(metric, Ratio) else f"{metric.value} from {metric.view}"
    queries = [(q.sql, {k: str(v) for k, v in q.params.items()}) for q in runner.planned(asked)]
    return Explanation(
        metric.id, metric.label, metric.unit, metric.owner, metric.marketers, metric.engineers, formula, queries
    )
