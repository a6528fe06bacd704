"""What templates may do with texts."""

from markupsafe import Markup

from tandem.base.pages import hyphenated


def test_long_words_may_part_between_syllables_and_short_ones_stay() -> None:
    shown = hyphenated("Доля квалифицированных").replace("\u00ad", "-")
    assert shown == "Доля ква-ли-фи-ци-ро-ванных"
    assert hyphenated("Przekierowanych leadów").replace("\u00ad", "-") == "Prze-kie-ro-wa-nych leadów"
    assert hyphenated("Коэффициент") == "Коэффициент"
    assert Markup("{}").format(hyphenated(Markup("A &amp; B"))) == "A &amp; B"
