"""What templates may do with texts."""

from markupsafe import Markup

from tandem.base import pages
from tandem.base.pages import hyphenated


def test_long_words_may_part_between_syllables_and_short_ones_stay() -> None:
    shown = hyphenated("Доля квалифицированных").replace("\u00ad", "-")
    assert shown == "Доля ква-ли-фи-ци-ро-ванных"
    assert hyphenated("Przekierowanych leadów").replace("\u00ad", "-") == "Prze-kie-ro-wa-nych leadów"
    assert hyphenated("Коэффициент") == "Коэффициент"
    assert Markup("{}").format(hyphenated(Markup("A &amp; B"))) == "A &amp; B"


def test_templates_are_compiled_once() -> None:
    """Compiled for each page, they held up everybody else for 40 milliseconds at a time."""
    assert pages._environment("en") is pages._environment("en") is not pages._environment("ru")
