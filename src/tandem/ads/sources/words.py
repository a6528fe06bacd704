"""What ad systems call their columns, in English, Russian and Polish; the names as header_name() leaves them."""

from typing import Final

Names = dict[str, tuple[str, ...]]

COLUMNS: Final[dict[str, Names]] = {
    "google": {
        "on": ("day", "date", "день", "дата", "dzień", "data"),
        "campaign": ("campaign", "campaign name", "кампания", "название кампании", "kampania", "nazwa kampanii"),
        "campaign_id": ("campaign id", "идентификатор кампании", "id кампании", "identyfikator kampanii"),
        "kind": ("campaign type", "тип кампании", "typ kampanii"),
        "ad_group": ("ad group", "ad group name", "группа объявлений", "grupa reklam"),
        "ad_group_id": ("ad group id", "идентификатор группы объявлений", "id группы объявлений",
                        "identyfikator grupy reklam"),
        "ad": ("ad name", "название объявления", "nazwa reklamy"),
        "ad_id": ("ad id", "идентификатор объявления", "identyfikator reklamy"),
        "term": ("keyword", "search keyword", "ключевое слово", "поисковое ключевое слово", "słowo kluczowe",
                 "słowo kluczowe w wyszukiwarce"),
        "term_id": ("keyword id", "идентификатор ключевого слова", "identyfikator słowa kluczowego"),
        "impressions": ("impr.", "impressions", "показы", "wyśw.", "wyświetlenia"),
        "clicks": ("clicks", "interactions", "клики", "взаимодействия", "kliknięcia"),
        "cost": ("cost", "расходы", "стоимость", "koszt"),
        "cost_micros": ("metrics.cost_micros", "cost_micros", "cost micros"),
        "currency": ("currency code", "currency", "код валюты", "валюта", "kod waluty", "waluta"),
        "platform_conversions": ("conversions", "конверсии", "konwersje"),
        "account": ("customer id", "account", "account name", "идентификатор клиента", "аккаунт",
                    "identyfikator klienta", "konto"),
        "week": ("week", "неделя", "tydzień"),
        "month": ("month", "месяц", "miesiąc"),
    },
    "yandex": {
        "on": ("date", "дата", "день"),
        "campaign": ("campaignname", "кампания", "название кампании", "campaign", "campaign name"),
        "campaign_id": ("campaignid", "№ кампании", "номер кампании", "id кампании", "campaign no.", "campaign id"),
        "kind": ("campaigntype", "тип кампании", "campaign type", "adnetworktype"),
        "ad_group": ("adgroupname", "группа", "название группы", "group", "ad group"),
        "ad_group_id": ("adgroupid", "№ группы", "номер группы", "id группы", "group no."),
        "ad": ("заголовок", "заголовок объявления"),
        "ad_id": ("adid", "№ объявления", "номер объявления", "id объявления", "ad no."),
        "term": ("criterion", "keyword", "criteria", "условие показа", "фраза", "ключевая фраза", "display condition"),
        "term_id": ("criterionid", "criteriaid", "id условия показа", "id фразы"),
        "impressions": ("impressions", "показы"),
        "clicks": ("clicks", "клики"),
        "cost": ("cost", "расход", "расход с ндс", "расход без ндс"),
        "currency": ("валюта", "currency"),
        "platform_conversions": ("conversions", "конверсии"),
        "account": ("clientlogin", "логин", "логин клиента", "клиент", "login"),
        "week": ("week", "неделя"),
        "month": ("month", "месяц"),
    },
    "meta": {
        "on": ("day", "date", "день", "дата", "dzień", "data", "jour"),
        "first": ("reporting starts", "начало отчетности", "дата начала отчетности", "начало отчетного периода",
                  "początek raportowania", "początek raportu", "début des rapports"),
        "last": ("reporting ends", "окончание отчетности", "дата окончания отчетности", "окончание отчетного периода",
                 "koniec raportowania", "koniec raportu", "fin des rapports"),
        "campaign": ("campaign name", "название кампании", "nazwa kampanii", "nom de la campagne"),
        "campaign_id": ("campaign id", "идентификатор кампании", "id кампании", "identyfikator kampanii"),
        "ad_group": ("ad set name", "название группы объявлений", "nazwa zestawu reklam"),
        "ad_group_id": ("ad set id", "идентификатор группы объявлений", "identyfikator zestawu reklam"),
        "ad": ("ad name", "название объявления", "nazwa reklamy"),
        "ad_id": ("ad id", "идентификатор объявления", "identyfikator reklamy"),
        "impressions": ("impressions", "показы", "wyświetlenia"),
        "clicks": ("link clicks", "клики по ссылке", "kliknięcia linku", "clics sur un lien", "clicks (all)",
                   "клики (все)", "kliknięcia (wszystkie)"),
        "cost": ("amount spent", "потраченная сумма", "сумма затрат", "wydana kwota", "kwota wydana", "montant dépensé",
                 "montant depense"),
        "currency": ("currency", "валюта", "waluta"),
        "platform_conversions": ("results", "результаты", "wyniki"),
        "account": ("account name", "account id", "название аккаунта", "nazwa konta"),
        "month": ("month", "месяц", "miesiąc"),
        "week": ("week", "неделя", "tydzień"),
    },
    "vk": {
        "on": ("дата", "день", "date"),
        "campaign": ("название кампании", "кампания", "campaign name"),
        "campaign_id": ("id кампании", "campaign id"),
        "ad_group": ("название группы", "группа", "название группы объявлений"),
        "ad_group_id": ("id группы", "id группы объявлений"),
        "ad": ("название объявления", "объявление"),
        "ad_id": ("id объявления",),
        "kind": ("цель",),
        "impressions": ("показы", "показов"),
        "clicks": ("клики", "кликов", "переходы"),
        "cost": ("потрачено всего", "потрачено", "списано", "расход"),
        "currency": ("валюта",),
        "platform_conversions": ("результат", "результаты"),
        "account": ("аккаунт", "кабинет"),
    },
    "tiktok": {
        "on": ("by day", "date", "день", "дата", "dzień"),
        "campaign": ("campaign name", "название кампании", "nazwa kampanii"),
        "campaign_id": ("campaign id", "id кампании"),
        "ad_group": ("ad group name", "название группы объявлений", "nazwa grupy reklam"),
        "ad_group_id": ("ad group id", "id группы объявлений"),
        "ad": ("ad name", "название объявления", "nazwa reklamy"),
        "ad_id": ("ad id", "id объявления"),
        "impressions": ("impressions", "impression", "показы", "wyświetlenia"),
        "clicks": ("clicks (destination)", "clicks", "click", "клики", "kliknięcia"),
        "cost": ("cost", "total cost", "затраты", "koszt"),
        "currency": ("currency", "валюта", "waluta"),
        "platform_conversions": ("conversions", "conversion", "total conversion", "конверсии", "konwersje"),
        "account": ("account name", "account id", "advertiser id"),
    },
    "microsoft": {
        "on": ("gregorian date", "timeperiod", "time period", "date", "день", "dzień"),
        "campaign": ("campaign name", "campaign", "campaignname", "кампания", "kampania"),
        "campaign_id": ("campaign id", "campaignid"),
        "kind": ("campaign type", "campaigntype"),
        "ad_group": ("ad group", "ad group name", "adgroupname", "группа объявлений"),
        "ad_group_id": ("ad group id", "adgroupid"),
        "ad": ("ad title", "title part 1"),
        "ad_id": ("ad id", "adid"),
        "term": ("keyword", "ключевое слово"),
        "term_id": ("keyword id", "keywordid"),
        "impressions": ("impressions", "impr.", "показы"),
        "clicks": ("clicks", "клики"),
        "cost": ("spend", "расход", "wydatki"),
        "currency": ("currency code", "currencycode", "currency"),
        "platform_conversions": ("conversions", "all conversions", "конверсии"),
        "account": ("account number", "accountnumber", "account id", "accountid", "account name", "accountname"),
        "week": ("week starting on",),
        "month": ("month",),
    },
    "other": {
        "on": ("date", "day", "дата", "день", "data", "dzień"),
        "source": ("utm_source", "utmsource"),
        "medium": ("utm_medium", "utmmedium"),
        "campaign": ("utm_campaign", "utmcampaign"),
        "ad": ("utm_content", "utmcontent"),
        "term": ("utm_term", "utmterm"),
        "impressions": ("shows", "impressions", "показы", "views"),
        "clicks": ("clicks", "клики"),
        "cost": ("cost", "expenses", "расход", "spend", "koszt"),
        "currency": ("currency", "валюта", "waluta"),
    },
}  # fmt: skip
"""Field of a row -> what the system calls it, best first."""

SIGNS: Final[dict[str, frozenset[str]]] = {
    "google": frozenset(
        ("impr.", "wyśw.", "campaign status", "keyword status", "ad group status", "avg. cpc", "search keyword",
         "search keyword match type", "currency code", "conv. value", "cost / conv.", "ср. цена за клик", "śr. cpc",
         "статус кампании", "stan kampanii", "код валюты", "kod waluty", "optimization score", "расходы", "koszt",
         "ключевое слово", "słowo kluczowe", "идентификатор клиента", "metrics.cost_micros", "cost_micros")
    ),
    "yandex": frozenset(
        ("№ кампании", "номер кампании", "campaignname", "clientlogin", "criterion", "criteriontype", "условие показа",
         "фраза", "№ группы", "№ объявления", "avgcpc", "расход", "расход с ндс", "расход без ндс", "campaign no.",
         "тип соответствия", "глубина", "глубина (стр.)", "отказы (%)", "adnetworktype")
    ),
    "meta": frozenset(
        ("amount spent", "ad set name", "reporting starts", "reporting ends", "result indicator", "campaign delivery",
         "attribution setting", "link clicks", "сумма затрат", "потраченная сумма", "wydana kwota", "kwota wydana",
         "montant dépensé", "montant depense", "начало отчетности", "дата начала отчетности", "początek raportowania")
    ),
    "vk": frozenset(("id объявления", "id кампании", "ecpc", "потрачено всего", "id группы", "потрачено", "доход")),
    "tiktok": frozenset(
        ("by day", "ad group name", "clicks (destination)", "cpc (destination)", "ctr (destination)", "затраты",
         "conversion rate (cvr)", "cost per conversion", "total cost", "advertiser id")
    ),
    "microsoft": frozenset(
        ("gregorian date", "timeperiod", "spend", "account number", "accountnumber", "delivered match type",
         "bid match type", "campaignname", "averagecpc", "avg. position")
    ),
    "other": frozenset(("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "shows")),
}  # fmt: skip
"""Columns that tell one system from the others."""

TOTALS: Final = (
    "total",
    "итого",
    "всего",
    "итог",
    "razem",
    "suma",
    "łącznie",
    "ogółem",
    "grand total",
    "all campaigns",
)
"""How a row of totals begins."""

NOT_ENGLISH_NUMBERS: Final = (
    "показ",
    "клик",
    "расход",
    "wyśw",
    "klik",
    "koszt",
    "wydan",
    "montant",
    "потрач",
    "затрат",
)
"""Heads of languages that write a comma before decimals."""

SIGNS_OF_MONEY: Final = {"₽": "RUB", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "€": "EUR", "$": "USD", "zł": "PLN",
                         "£": "GBP", "₸": "KZT", "у.е.": ""}  # fmt: skip
