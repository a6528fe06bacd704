"""What Fern & Oak sells, who comes to it and from where: plain tables, all invented, no moving parts."""

from typing import NamedTuple

SITE_KEY = "fern"
SITE_NAME = "Fern & Oak"
HOST = "fern-oak.example"
ZONE = "Europe/Warsaw"
CURRENCY = "EUR"


class Product(NamedTuple):
    """One thing for sale: its category, the last part of its address, its name, its price, how often it is seen."""

    category: str
    slug: str
    name: str
    price: float
    popularity: float

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/{self.category}/{self.slug}"


class DemoAgent(NamedTuple):
    """One user agent string with its share of all human visits on that kind of device."""

    device: str
    share: float
    ua: str


class Bot(NamedTuple):
    """One robot: how many pages it asks for on an ordinary day when the history holds a million events."""

    name: str
    kind: str
    per_day: float
    network: str
    ua: str


class Country(NamedTuple):
    """One country of visitors: its share, the browser languages and the cities with their weights."""

    code: str
    share: float
    languages: tuple[str, ...]
    cities: tuple[str, ...]


class DemoSource(NamedTuple):
    """One place that visits come from, as the browser would show it.

    weight      visits out of about a hundred on an ordinary day
    channel     the channel that published rules should find (GA4's names, extended)
    utm         the landing page's query; {term} and {content} are filled from the tuples
    click       the click id that the platform appends ('' = none)
    engaged     share of visits with 10 seconds or a second page; nobody else buys
    converts    how readily they buy, 1 = like the average visit
    """

    key: str
    channel: str
    weight: float
    referrers: tuple[str, ...] = ("",)
    utm: str = ""
    terms: tuple[str, ...] = ("",)
    contents: tuple[str, ...] = ("",)
    click: str = ""
    engaged: float = 0.60
    converts: float = 1.0
    mobile: float = 0.56
    landing: str = "mixed"
    countries: tuple[str, ...] = ()

    @property
    def campaign(self) -> str:
        """The value of utm_campaign, '' when there is none."""
        return self.utm.partition("utm_campaign=")[2].partition("&")[0]


# The first six are in the demo shop too (shop/products.json), at the same addresses and prices.
PRODUCTS = (
    Product("plants", "monstera-deliciosa", "Monstera", 34.0, 10.0),
    Product("plants", "olive-tree", "Olive tree", 59.0, 8.0),
    Product("plants", "string-of-hearts", "String of hearts", 18.5, 6.5),
    Product("pots-and-tools", "terracotta-pot-set", "Terracotta pots, set of three", 27.0, 7.0),
    Product("pots-and-tools", "hand-trowel", "Hand trowel", 22.0, 3.4),
    Product("pots-and-tools", "watering-can", "Watering can", 39.0, 4.6),
    Product("plants", "boston-fern", "Boston fern", 18.5, 6.0),
    Product("plants", "snake-plant", "Snake plant", 21.9, 5.5),
    Product("plants", "golden-pothos", "Golden pothos", 14.9, 4.5),
    Product("plants", "peace-lily", "Peace lily", 19.9, 4.2),
    Product("plants", "calathea-orbifolia", "Calathea orbifolia", 27.5, 3.8),
    Product("plants", "lavender-hidcote", "Lavender ‘Hidcote’", 8.9, 3.6),
    Product("plants", "upright-rosemary", "Upright rosemary", 7.9, 2.8),
    Product("plants", "lemon-tree", "Lemon tree", 54.0, 3.2),
    Product("plants", "japanese-maple", "Japanese maple", 72.0, 2.6),
    Product("plants", "blue-hydrangea", "Blue hydrangea", 23.5, 2.9),
    Product("plants", "kitchen-herbs", "Kitchen herbs, set of five", 16.0, 1.9),
    Product("pots-and-tools", "oak-planter", "Oak planter", 89.0, 5.0),
    Product("pots-and-tools", "balcony-box", "Balcony box, 60 cm", 16.9, 3.4),
    Product("pots-and-tools", "glazed-pot-sea", "Glazed pot, sea green", 29.9, 2.5),
    Product("pots-and-tools", "hanging-basket", "Hanging basket", 15.5, 2.1),
    Product("pots-and-tools", "peat-free-compost", "Peat-free compost, 20 l", 9.9, 2.7),
    Product("pots-and-tools", "plant-food", "Organic plant food", 11.5, 2.0),
    Product("pots-and-tools", "secateurs", "Secateurs", 32.0, 1.6),
    Product("pots-and-tools", "moss-pole", "Moss pole", 10.9, 1.4),
)

POSTS = (
    "repotting-without-drama",
    "balcony-in-april",
    "low-light-plants",
    "brown-tips-on-ferns",
    "watering-on-holiday",
    "plants-safe-for-cats",
    "pruning-an-olive-tree",
    "peat-free-explained",
    "herbs-on-a-windowsill",
    "ten-plants-for-beginners",
    "terracotta-or-glazed",
    "fungus-gnats",
)

MISSING = ("/plants/bonsai-starter", "/sale/winter", "/journal/old-care-guide", "/wp-login.php", "/plants/orchids")

PHRASES = (
    "monstera",
    "doniczka ceramiczna",
    "paproć",
    "storczyk biały",
    "ziemia do kwiatów",
    "drzewko oliwne",
    "skrzynka balkonowa",
    "róża pnąca",
    "żywopłot",
    "Blumentopf groß",
    "Gießkanne",
    "Zimmerpflanzen für dunkle Räume",
    "Olivenbaum",
    "Kräuter für Küche",
    "květináč",
    "pokojové rostliny",
    "лаванда",
    "горщик для квітів",
    "pet safe plants",
    "peace lily",
    "gift card",
    "bonsai",
    "lemon tree",
    "moss pole",
    "compost",
)

OUTBOUND = (
    "https://www.instagram.com/fernandoak.example/",
    "https://www.youtube.com/@fernandoak-example",
    "https://www.dhl.com/de-en/home/tracking.html",
    "https://inpost.pl/sledzenie-przesylek",
    "https://www.trustpilot.com/review/fern-oak.example",
)
DOWNLOADS = (f"https://{HOST}/care-guide.pdf", f"https://{HOST}/spring-catalogue.pdf")
PAYMENTS = ("card", "paypal", "blik", "klarna")
PAYMENT_REFERRERS = ("", "https://www.paypal.com/", "https://secure.przelewy24.pl/", "https://pay.klarna.com/")

_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS {v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
_ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36"

AGENTS = (
    DemoAgent("mobile", 22, _ANDROID + "Chrome/142.0.0.0 Mobile Safari/537.36"),
    DemoAgent("mobile", 16, _ANDROID + "Chrome/141.0.0.0 Mobile Safari/537.36"),
    DemoAgent("mobile", 5, _ANDROID + "Chrome/139.0.0.0 Mobile Safari/537.36"),
    DemoAgent("mobile", 9, _ANDROID + "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36"),
    DemoAgent("mobile", 2, "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0"),
    DemoAgent("mobile", 1.2, _ANDROID + "Chrome/141.0.0.0 Mobile Safari/537.36 OPR/92.0.0.0"),
    DemoAgent("mobile", 2.2, _ANDROID + "Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/536.0.0]"),
    DemoAgent("mobile", 14, _IPHONE.format(v="18_6") + "Version/18.6 Mobile/15E148 Safari/604.1"),
    DemoAgent("mobile", 9, _IPHONE.format(v="18_7") + "Version/26.1 Mobile/15E148 Safari/604.1"),
    DemoAgent("mobile", 4, _IPHONE.format(v="17_6_1") + "Version/17.6 Mobile/15E148 Safari/604.1"),
    DemoAgent("mobile", 3, _IPHONE.format(v="18_6") + "CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1"),
    DemoAgent("mobile", 1.6, _IPHONE.format(v="18_6") + "GSA/394.0.821217600 Mobile/15E148 Safari/604.1"),
    DemoAgent("mobile", 1.4, _IPHONE.format(v="18_6") + "Mobile/15E148 Instagram 407.0.0.22.70 (iPhone15,2; iOS 18_6)"),
    DemoAgent("desktop", 26, _WINDOWS + _CHROME.format(v=142)),
    DemoAgent("desktop", 12, _WINDOWS + _CHROME.format(v=141)),
    DemoAgent("desktop", 3, _WINDOWS + _CHROME.format(v=138)),
    DemoAgent("desktop", 12, _WINDOWS + _CHROME.format(v=142) + " Edg/142.0.0.0"),
    DemoAgent("desktop", 8, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    DemoAgent("desktop", 3, _WINDOWS + _CHROME.format(v=141) + " OPR/125.0.0.0"),
    DemoAgent("desktop", 1, _WINDOWS + _CHROME.format(v=140) + " Vivaldi/7.6.3797.58"),
    DemoAgent("desktop", 9, _MAC + _CHROME.format(v=142)),
    DemoAgent("desktop", 11, _MAC + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15"),
    DemoAgent("desktop", 4, _MAC + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"),
    DemoAgent("desktop", 2, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0"),
    DemoAgent("desktop", 2, "Mozilla/5.0 (X11; Linux x86_64) " + _CHROME.format(v=142)),
    DemoAgent("desktop", 2, "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    DemoAgent("desktop", 1, "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + _CHROME.format(v=141)),
    # The tablets name themselves: an iPad that asks for desktop sites cannot be told from a Mac.
    DemoAgent("tablet", 5, "Mozilla/5.0 (iPad; CPU OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
              "Version/17.6 Mobile/15E148 Safari/604.1"),
    DemoAgent("tablet", 3, "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
              "CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1"),
    DemoAgent("tablet", 3, "Mozilla/5.0 (Linux; Android 14; SM-X210) " + _CHROME.format(v=141)),
    DemoAgent("tablet", 1, "Mozilla/5.0 (Linux; Android 13; Lenovo TB-X306F) " + _CHROME.format(v=140)),
)  # fmt: skip

WIDTHS = {
    "mobile": (360, 375, 384, 390, 393, 402, 412, 414, 430),
    "desktop": (1280, 1366, 1440, 1536, 1680, 1920, 1920, 2560),
    "tablet": (768, 800, 810, 820, 834, 1024),
}

_KIT = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; "
BOTS = (
    Bot("Googlebot", "search", 190, "datacentre", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) "
        "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.7390.122 Mobile Safari/537.36 "
        "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    Bot("Bingbot", "search", 75, "datacentre",
        _KIT + "bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36"),
    Bot("YandexBot", "search", 30, "datacentre", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"),
    Bot("GPTBot", "ai", 95, "datacentre", _KIT + "GPTBot/1.2; +https://openai.com/gptbot)"),
    Bot("ClaudeBot", "ai", 55, "datacentre", _KIT + "ClaudeBot/1.0; +claudebot@anthropic.com)"),
    Bot("AhrefsBot", "seo", 125, "datacentre", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    Bot("UptimeRobot", "monitoring", 144, "datacentre",
        "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"),
    Bot("curl", "tool", 14, "", "curl/8.14.1"),
    Bot("HeadlessChrome", "tool", 40, "datacentre", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
        "(KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36"),
    # Only its network gives this one away: the string is an ordinary browser's.
    Bot("scraper", "datacentre", 45, "datacentre", _WINDOWS + _CHROME.format(v=142)),
)  # fmt: skip

COUNTRIES = (
    Country("PL", 46, ("pl-pl", "pl-pl", "pl", "en-gb"),
            ("Warszawa", "Warszawa", "Warszawa", "Kraków", "Kraków", "Wrocław", "Wrocław", "Poznań", "Gdańsk", "Łódź",
             "Katowice", "Lublin", "Szczecin", "")),
    Country("DE", 19, ("de-de", "de-de", "de", "en-us"),
            ("Berlin", "Berlin", "Berlin", "Hamburg", "München", "Köln", "Leipzig", "Dresden", "Frankfurt", "")),
    Country("CZ", 9, ("cs-cz", "cs", "en-us"), ("Praha", "Praha", "Brno", "Ostrava", "Plzeň", "")),
    Country("UA", 6, ("uk-ua", "uk", "ru-ua"), ("Kyiv", "Kyiv", "Lviv", "Odesa", "Dnipro", "")),
    Country("GB", 6, ("en-gb",), ("London", "London", "Manchester", "Bristol", "Edinburgh", "")),
    Country("US", 4, ("en-us",), ("New York", "Chicago", "Seattle", "Austin", "Portland", "")),
    Country("AT", 2.5, ("de-at", "de"), ("Wien", "Wien", "Graz", "Linz", "")),
    Country("SK", 2.5, ("sk-sk", "sk"), ("Bratislava", "Košice", "")),
    Country("NL", 2, ("nl-nl", "en-us"), ("Amsterdam", "Utrecht", "Rotterdam", "")),
    Country("FR", 1.5, ("fr-fr",), ("Paris", "Lyon", "")),
    Country("LT", 1.5, ("lt-lt", "en-us"), ("Vilnius", "Kaunas", "")),
)  # fmt: skip

_GOOGLE = ("https://www.google.com/", "https://www.google.com/", "https://www.google.pl/", "https://www.google.de/")
_META = ("https://l.facebook.com/", "https://lm.facebook.com/", "https://m.facebook.com/", "https://l.instagram.com/")
_CPC = "utm_source=google&utm_medium=cpc&utm_campaign="
_PAID_SOCIAL = "utm_source=facebook&utm_medium=paid_social&utm_campaign="
_TERM = "&utm_term={term}"
_AD = "&utm_content={content}"
_BRAND = ("fern%20and%20oak", "fern%20oak%20sklep", "fern%20oak")
_PLANTS = (
    "kup%20monstera",
    "ro%C5%9Bliny%20doniczkowe",
    "zimmerpflanzen%20kaufen",
    "buy+house+plants",
    "drzewko+oliwne",
)
_POTS = ("doniczki+ceramiczne", "blumentopf+gro%C3%9F", "oak+planter")
_CARE = ("ziemia+do+kwiat%C3%B3w", "pflanzend%C3%BCnger", "peat+free+compost")
_ADS = ("video_a", "carousel_b", "still_c")

SOURCES = (
    DemoSource("direct", "Direct", 17, converts=1.25, landing="home"),
    DemoSource("google", "Organic Search", 24, _GOOGLE, converts=1.05),
    DemoSource("bing", "Organic Search", 2.2, ("https://www.bing.com/",), mobile=0.2),
    DemoSource("yandex", "Organic Search", 0.8, ("https://yandex.ru/", "https://ya.ru/"), click="ysclid",
               countries=("UA", "LT")),
    DemoSource("seznam", "Organic Search", 1.6, ("https://search.seznam.cz/",), countries=("CZ",)),
    DemoSource("duckduckgo", "Organic Search", 1.2, ("https://duckduckgo.com/",), mobile=0.35),
    DemoSource("ecosia", "Organic Search", 0.7, ("https://www.ecosia.org/",), countries=("DE", "AT")),
    DemoSource("google_brand_pl", "Paid Search", 3.2, _GOOGLE, _CPC + "brand_pl" + _TERM, _BRAND, click="gclid",
               engaged=0.72, converts=2.0, landing="home", countries=("PL",)),
    DemoSource("google_brand_de", "Paid Search", 1.6, _GOOGLE, _CPC + "brand_de" + _TERM, _BRAND, click="gclid",
               engaged=0.72, converts=1.9, landing="home", countries=("DE", "AT")),
    DemoSource("google_plants", "Paid Search", 4.0, _GOOGLE, _CPC + "search_plants" + _TERM, _PLANTS, click="gclid",
               converts=0.85, landing="category"),
    DemoSource("google_pots", "Paid Search", 1.8, _GOOGLE, _CPC + "search_pots" + _TERM, _POTS, click="gclid",
               converts=0.8, landing="category"),
    DemoSource("google_care", "Paid Search", 0.9, _GOOGLE, _CPC + "search_care" + _TERM, _CARE, click="gclid",
               converts=0.6, landing="blog"),
    DemoSource("google_shopping", "Paid Shopping", 3.0, _GOOGLE, _CPC + "shopping_feed" + _TERM, _PLANTS, click="gclid",
               converts=1.3, landing="product"),
    DemoSource("google_autotagged", "Paid Search", 0.6, _GOOGLE, click="gclid", converts=0.9, landing="product"),
    DemoSource("bing_brand", "Paid Search", 0.7, ("https://www.bing.com/",),
               "utm_source=bing&utm_medium=cpc&utm_campaign=bing_brand" + _TERM, _BRAND, click="msclkid",
               converts=1.6, mobile=0.15, landing="home"),
    DemoSource("meta_balcony", "Paid Social", 3.2, _META, _PAID_SOCIAL + "prospecting_balcony" + _AD, contents=_ADS,
               click="fbclid", engaged=0.42, converts=0.45, mobile=0.9, landing="category"),
    DemoSource("meta_retargeting", "Paid Social", 1.4, _META, _PAID_SOCIAL + "retargeting_cart" + _AD, contents=_ADS,
               click="fbclid", converts=1.5, mobile=0.85, landing="product"),
    DemoSource("meta_lookalike", "Paid Social", 1.0, _META, _PAID_SOCIAL + "lookalike_de" + _AD, contents=_ADS,
               click="fbclid", engaged=0.4, converts=0.4, mobile=0.9, landing="category", countries=("DE",)),
    DemoSource("tiktok_ads", "Paid Social", 0.6, ("https://www.tiktok.com/",),
               "utm_source=tiktok&utm_medium=paid_social&utm_campaign=urban_jungle", click="ttclid", engaged=0.34,
               converts=0.25, mobile=0.97, landing="product"),
    DemoSource("facebook", "Organic Social", 3.2, _META[:3], click="fbclid", engaged=0.48, converts=0.5, mobile=0.85),
    DemoSource("instagram", "Organic Social", 2.0, ("https://l.instagram.com/",), engaged=0.5,
               converts=0.5, mobile=0.94),
    DemoSource("pinterest", "Organic Social", 1.6, ("https://www.pinterest.com/", "https://pl.pinterest.com/"),
               converts=0.6, mobile=0.8, landing="blog"),
    DemoSource("youtube", "Organic Video", 0.7, ("https://www.youtube.com/",), converts=0.6, landing="blog"),
    DemoSource("reddit", "Organic Social", 0.4, ("https://www.reddit.com/",), converts=0.3, landing="blog"),
    DemoSource("newsletter", "Email", 30, ("", "", "https://mail.google.com/"),
               "utm_source=newsletter&utm_medium=email&utm_campaign=newsletter", engaged=0.7, converts=1.6,
               landing="product"),
    DemoSource("email_welcome", "Email", 0.7, utm="utm_source=lifecycle&utm_medium=email&utm_campaign=welcome",
               engaged=0.7, converts=1.5),
    DemoSource("email_cart", "Email", 0.6, utm="utm_source=lifecycle&utm_medium=email&utm_campaign=abandoned_cart",
               engaged=0.8, converts=3.0, landing="product"),
    DemoSource("awin", "Affiliates", 1.2, ("https://www.awin1.com/",),
               "utm_source=awin&utm_medium=affiliate&utm_campaign=awin_bloggers", converts=1.1, landing="product"),
    DemoSource("zielony_klub", "Affiliates", 0.5, ("https://zielony-klub.example/",),
               "utm_source=zielony-klub&utm_medium=affiliate&utm_campaign=zielony_klub", converts=1.2,
               countries=("PL",)),
    DemoSource("telegram", "Messengers", 0.9, ("https://web.telegram.org/", "https://t.me/"),
               "utm_source=telegram&utm_medium=messenger&utm_campaign=telegram_channel", mobile=0.85, converts=0.9,
               landing="product"),
    DemoSource("chatgpt", "AI Assistants", 0.9, ("https://chatgpt.com/",), "utm_source=chatgpt.com", engaged=0.7,
               converts=1.4, landing="blog"),
    DemoSource("perplexity", "AI Assistants", 0.4, ("https://www.perplexity.ai/",), engaged=0.68, converts=1.2,
               landing="blog"),
    DemoSource("maps", "Maps", 0.7, ("https://maps.google.com/", "https://www.google.com/maps/"), mobile=0.82,
               landing="home"),
    DemoSource("allegro", "Marketplaces", 0.7, ("https://allegro.pl/",), converts=0.9, landing="product",
               countries=("PL",)),
    DemoSource("etsy", "Marketplaces", 0.3, ("https://www.etsy.com/",), converts=0.8, landing="product"),
    DemoSource("blogs", "Referral", 1.8, ("https://leafy-weekends.example/", "https://balkon-i-ogrod.example/monstera/",
                                      "https://gruene-ecke.example/tipps/"), converts=0.7, landing="blog"),
    DemoSource("parcel_card", "Unassigned", 0.4, utm="utm_source=parcel&utm_medium=qr&utm_campaign=thank_you_card",
               converts=1.6, mobile=0.98, landing="home"),
    # Together as heavy as all other paid search and paid social: the launch doubles paid traffic.
    DemoSource("spring_google", "Paid Search", 12.4, _GOOGLE, _CPC + "spring_sale" + _TERM, _PLANTS, click="gclid",
               engaged=0.66, converts=1.45, landing="category"),
    DemoSource("spring_meta", "Paid Social", 9.6, _META, _PAID_SOCIAL + "spring_sale" + _AD, contents=_ADS,
               click="fbclid", engaged=0.58, converts=1.25, mobile=0.88, landing="product"),
    DemoSource("display_reach", "Display", 20, ("https://googleads.g.doubleclick.net/",),
               "utm_source=dv360&utm_medium=display&utm_campaign=display_reach" + _AD, contents=("300x250", "320x50"),
               engaged=0.08, converts=0.0, mobile=0.8, landing="home"),
)  # fmt: skip
