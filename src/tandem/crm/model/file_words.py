"""Words of a file that mean nothing by themselves: stages and currencies that a person must explain."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from tandem.base.currencies import NO_CURRENCY, currency_code
from tandem.base.errors import UserError
from tandem.crm.model.choices import stages_in
from tandem.crm.model.deal import DealFact
from tandem.crm.model.mapping import LONGEST_CURRENCY, MONEY, stage_key
from tandem.crm.model.pricing import Pricing
from tandem.imports.problem import Problem, sentence
from tandem.rates.model import TooMuch

MOST_UNKNOWN = 200


class FileWords(msgspec.Struct, frozen=True, kw_only=True):
    """What the words of a site's files mean.

    stages       meaning of each stage, by `stage_key`
    currencies   code of each currency, by its word; `NO_CURRENCY` where its amounts are to be left out
    revision     how often this was changed
    """

    stages: dict[str, str] = {}
    currencies: dict[str, str] = {}
    revision: int = 0

    def with_more(self, other: "FileWords") -> "FileWords":
        """These and what was said after them."""
        stages, currencies = self.stages | other.stages, self.currencies | other.currencies
        is_new = (stages, currencies) != (self.stages, self.currencies)
        return FileWords(stages=stages, currencies=currencies, revision=self.revision + is_new)

    def explain(self, stages: Iterable["UnknownWord"], currencies: Iterable["UnknownWord"]) -> bool:
        """Whether all of these words are explained."""
        return all(stage_key(one.kind, one.word) in self.stages for one in stages) and all(
            one.word in self.currencies for one in currencies
        )


class UnknownWord(msgspec.Struct):
    """A stage or a currency that nobody has explained, and what of the file hangs on it.

    kind      lead or deal, for a stage
    records   how many have it
    amount    of them together: in the site's currency, as far as it can be converted, or in the unknown one; None
              where no amount is known
    """

    word: str
    kind: str = ""
    records: int = 0
    amount: Decimal | None = None

    def count(self, amount: Decimal | None) -> None:
        """One more record that has it."""
        self.records += 1
        if amount is not None:
            self.amount = amount + (self.amount or 0)


class Unknown:
    """The unknown words of a file, collected record by record."""

    def __init__(self, words: FileWords, pricing: Pricing) -> None:
        self._words, self._pricing = words, pricing
        self.stages, self.currencies = dict[str, UnknownWord](), dict[str, UnknownWord]()

    def look_at(self, fact: DealFact, has_meaning: bool, has_currencies: bool) -> None:
        """Count what a record says in words that are not known.

        has_meaning      the file itself says what its stage means
        has_currencies   the file has a column of currencies, so that an empty one is no answer
        """
        is_known = bool(currency_code(fact.currency)) if fact.currency else not has_currencies
        key = stage_key(fact.kind, fact.stage)
        if not has_meaning and key not in self._words.stages and len(self.stages) <= MOST_UNKNOWN:
            one = self.stages.setdefault(key, UnknownWord(fact.stage, fact.kind))
            one.count(self._in_our_currency(fact) if is_known else None)
        has_money = any(getattr(fact, name) for name in MONEY)
        if has_money and not is_known and len(self.currencies) <= MOST_UNKNOWN:
            self.currencies.setdefault(fact.currency, UnknownWord(fact.currency)).count(fact.amount)

    def _in_our_currency(self, fact: DealFact) -> Decimal | None:
        try:
            return self._pricing.convert(fact, fact.amount)
        except TooMuch:
            return None

    def too_many(self) -> list[Problem]:
        """A file whose column of stages or currencies holds something else."""
        return [
            Problem(line=0, what=what, cure=sentence("Check which column it is."), values={"most": str(MOST_UNKNOWN)})
            for words, what in (
                (self.stages, sentence("The file has more than %(most)s stages that are not known.")),
                (self.currencies, sentence("The file has more than %(most)s currencies that are not known.")),
            )
            if len(words) > MOST_UNKNOWN
        ]


def words_in(form: Mapping[str, str]) -> FileWords:
    """What a form says of words: `stage:key` = meaning, `currency:word` = code or `NO_CURRENCY`; empty is unsaid.

    raises   UserError for what is neither a meaning nor a currency
    """
    currencies = dict[str, str]()
    for name, code in form.items():
        word = name.removeprefix("currency:")
        if word == name or not code:
            continue
        if len(word) > LONGEST_CURRENCY or (code != NO_CURRENCY and currency_code(code) != code):
            raise UserError("“%(value)s” is not a currency.", "Choose one from the list.", value=code[:40])
        currencies[word] = code
    return FileWords(stages=stages_in({n: m for n, m in form.items() if n.startswith("stage:")}), currencies=currencies)
