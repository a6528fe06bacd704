"""What user agents are: bots of the published list, and browsers of people that must never be taken for bots."""
# ruff: noqa: E501 (a user agent is one line)

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.collect.model.agents import Agent, agent_id, agent_of

CRAWLERS = (
    Path(__file__).parents[3]
    / "shared"
    / "reference"
    / "data"
    / "analytics"
    / "crawler-user-agents"
    / "crawler-user-agents.json"
)

WIN = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
PIXEL = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
X11 = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "

# Text of the user agent: (device, browser, system); None is not checked.
PEOPLE: list[tuple[str, str, str | None, str | None]] = [
    (WIN + "Chrome/142.0.0.0 Safari/537.36", "desktop", "Chrome", "Windows"),
    (WIN + "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "desktop", "Edge", "Windows"),
    (WIN + "Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0", "desktop", "Opera", "Windows"),
    (WIN + "Chrome/140.0.0.0 YaBrowser/25.10.0.0 Safari/537.36", "desktop", "Yandex Browser", "Windows"),
    (WIN + "Chrome/138.0.0.0 Safari/537.36 Vivaldi/7.5.3735.54", "desktop", "Vivaldi", "Windows"),
    (WIN + "Chrome/126.0.0.0 Safari/537.36 Atom/31.0.0.0", "desktop", None, "Windows"),
    (WIN + "Chrome/120.0.6099.129 Safari/537.36 Avast/120.0.23554.130", "desktop", None, "Windows"),
    (WIN + "coc_coc_browser/133.0.240 Chrome/127.0.0.240 Safari/537.36", "desktop", None, "Windows"),
    (WIN + "Chrome/108.0.5359.215 Safari/537.36 QIHU 360SE", "desktop", None, "Windows"),
    (WIN + "Chrome/142.0.0.0 Electron/39.1.0 Safari/537.36", "desktop", None, "Windows"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "desktop", "Firefox", "Windows"),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:52.0) Gecko/20100101 Firefox/52.0", "desktop", "Firefox", "Windows"),
    ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop", "IE", "Windows"),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; SLCC2; .NET CLR 2.0.50727)", "desktop", "IE", "Windows"),
    ("Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0", "desktop", "Firefox", "Windows"),
    (MAC + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "desktop", "Safari", "macOS"),
    (MAC + "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "desktop", "Chrome", "macOS"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "desktop", "Firefox", "macOS"),
    (MAC + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15 Ddg/18.1", "desktop", None, "macOS"),
    (X11 + "Chrome/142.0.0.0 Safari/537.36", "desktop", "Chrome", "Linux"),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "desktop", "Firefox", "Linux"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15 Epiphany/605.1.15", "desktop", None, "Linux"),
    ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "desktop", "Chrome", "ChromeOS"),
    ("Mozilla/5.0 (X11; U; Linux i686; en-US) AppleWebKit/537.36 (KHTML, like Gecko) Falkon/3.1.0 QtWebEngine/5.15.2 Chrome/83.0.4103.122 Safari/537.36", "desktop", None, None),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:68.0) Gecko/20100101 Goanna/4.8 Firefox/68.0 PaleMoon/29.4.2", "desktop", "Pale Moon", "Windows"),
    ("Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "desktop", "Opera", "Windows"),
    ("Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8", "desktop", "Lynx", None),
    (PIXEL + "Chrome/142.0.0.0 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    (PIXEL + "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36", "mobile", "Samsung Internet", "Android"),
    (PIXEL + "Chrome/140.0.0.0 YaBrowser/25.9.4.42.00 SA/3 Mobile Safari/537.36", "mobile", "Yandex Browser", "Android"),
    (PIXEL + "Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0", "mobile", "Edge", "Android"),
    (PIXEL + "Chrome/141.0.0.0 Mobile Safari/537.36 OPR/92.0.0.0", "mobile", "Opera", "Android"),
    ("Mozilla/5.0 (Linux; Android 13; SM-A515F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.45 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/113.0.0.0 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; U; Android 12; ru-ru; Redmi Note 9 Build/SP1A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/112.0.5615.136 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.4.0-g", "mobile", "MiuiBrowser", "Android"),
    ("Mozilla/5.0 (Linux; U; Android 11; en-US; RMX2185) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UCBrowser/13.4.0.1306 Mobile Safari/537.36", "mobile", "UC Browser", "Android"),
    ("Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36", "mobile", None, None),
    ("Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile", "mobile", None, None),
    ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "mobile", "Firefox", "Android"),
    ("Mozilla/5.0 (Linux; Android 14; SM-S921B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.7444.102 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/536.0.0.46.77;]", "mobile", "Facebook", "Android"),
    ("Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36 Instagram 407.0.0.22.243 Android (34/14; 420dpi; 1080x2400; Google; Pixel 8; shiba; shiba; en_GB; 812345678)", "mobile", "Instagram", "Android"),
    ("Mozilla/5.0 (Linux; Android 13; 2201117TY Build/TKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36 trill_420503 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/42.5.3 ByteLocale/en", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 12; M2101K6G Build/SKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36 Telegram-Android/12.1.1 (Xiaomi M2101K6G; Android 12; SDK 31; AVERAGE)", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 13; V2206 Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.42.2460(0x28002A35) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 11; CPH2239 Build/RP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36 [Pinterest/Android]", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 13; SM-A336E Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 Viber/25.6.2.0", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 13; SM-G991B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36 Snapchat/13.60.0.45 (SM-G991B; Android 13#G991BXXU; gzip; )", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 12; SM-A127F; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 GSA/16.42.0", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 13; SM-A536B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 Line/14.8.0/IAB", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 13; SM-A536B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 LinkedInApp", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 16; Pixel 10 Pro XL Build/CP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/146.0.7680.174 Mobile Safari/537.36 MetaIAB Facebook", "mobile", None, "Android"),
    (PIXEL + "Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 NAVER(inapp; search; 2000; 12.9.4)", "mobile", None, "Android"),
    (PIXEL + "Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 KAKAOTALK/25.8.1 (INAPP)", "mobile", None, "Android"),
    (PIXEL + "Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 VKAndroidApp/8.90-1234", "mobile", None, "Android"),
    (PIXEL + "Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 OdklAndroid/25.9", "mobile", None, "Android"),
    (WIN + "Chrome/126.0.0.0 Safari/537.36 Valve Steam Client/default/1700000000", "desktop", None, "Windows"),
    (IPHONE + "Version/18.1 Mobile/15E148 Safari/604.1", "mobile", "Safari", "iOS"),
    (IPHONE + "CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1", "mobile", "Chrome", "iOS"),
    (IPHONE + "FxiOS/145.0 Mobile/15E148 Safari/605.1.15", "mobile", "Firefox", "iOS"),
    (IPHONE + "Version/18.0 EdgiOS/142.0.0.0 Mobile/15E148 Safari/604.1", "mobile", "Edge", "iOS"),
    (IPHONE + "GSA/394.0.821217600 Mobile/15E148 Safari/604.1", "mobile", None, "iOS"),
    (IPHONE + "Mobile/15E148 Instagram 407.0.0.22.70 (iPhone15,2; iOS 18_1; en_GB; en; scale=3.00; 1179x2556; 812345678)", "mobile", "Instagram", "iOS"),
    (IPHONE + "Mobile/15E148 [FBAN/FBIOS;FBAV/536.0.0.40.73;FBBV/812;FBDV/iPhone15,2;FBMD/iPhone;FBSN/iOS;FBSV/18.1;FBSS/3;FBLC/en_GB;FBOP/80]", "mobile", "Facebook", "iOS"),
    (IPHONE + "Mobile/15E148 musical_ly_42.5.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/pl Region/PL", "mobile", None, "iOS"),
    (IPHONE + "Mobile/15E148 MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/ru", "mobile", None, "iOS"),
    (IPHONE + "Mobile/15E148", "mobile", "Safari in an app", "iOS"),
    (IPHONE + "Version/18.1 YaBrowser/25.10.3.560.10 SA/3 Mobile/15E148 Safari/604.1", "mobile", "Yandex Browser", "iOS"),
    (IPHONE + "Version/18.1 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", "mobile", "DuckDuckGo", "iOS"),
    ("Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1", "mobile", "Safari", "iOS"),
    (IPAD + "Version/16.6 Mobile/15E148 Safari/604.1", "tablet", "Safari", "iOS"),
    (IPAD + "CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1", "tablet", "Chrome", "iOS"),
    ("Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "tablet", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.2.1 like Chrome/120.0.6099.144 Safari/537.36", "tablet", None, None),
    ("Mozilla/5.0 (Android 14; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0", "tablet", "Firefox", "Android"),
    ("Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) AppleWebKit/531.2+ (KHTML, like Gecko) Version/5.0 Safari/533.2+ Kindle/3.0+", "tablet", None, None),
    ("Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.5) AppleWebKit/537.36 (KHTML, like Gecko) 85.0.4183.93/6.5 TV Safari/537.36", "tv", None, None),
    ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.270 Safari/537.36 WebAppManager", "tv", None, None),
    ("Mozilla/5.0 (Linux; Android 12; BRAVIA 4K VH2 Build/STT2) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", "tv", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7633; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36", "tv", None, None),
    ("Mozilla/5.0 (Linux; Andr0id 9; Hisense) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/88.0.4324.152 Safari/537.36 HbbTV/1.6.1 (+DRM;Hisense;SmartTV_2021;) VIDAA/6.0", "tv", None, None),
    ("Mozilla/5.0 (Linux; NetCast; U) AppleWebKit/537.31 (KHTML, like Gecko) Chrome/38.0.2125.122 Safari/537.31 SmartTV/7.0", "tv", None, None),
    ("Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.225 Safari/537.36 CrKey/1.56.500000", "tv", None, None),
    ("Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15", "console", None, None),
    ("Mozilla/5.0 (PlayStation 4 3.11) AppleWebKit/537.73 (KHTML, like Gecko)", "console", None, None),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edge/44.18363.8131", "console", None, None),
    ("Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.2.21.3 NintendoBrowser/5.1.0.22474", "console", None, None),
    ("Opera/9.80 (Android; Opera Mini/36.2.2254/191.249; U; ru) Presto/2.12.423 Version/12.16", "mobile", "Opera Mini", "Android"),
    ("Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", "mobile", None, None),
    ("Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+", "mobile", None, None),
    ("Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 650) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15254", "mobile", None, "Windows Phone"),
    ("Nokia6300/2.0 (05.50) Profile/MIDP-2.0 Configuration/CLDC-1.1", "mobile", None, None),
]  # fmt: skip

BOTS = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "search"),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "search"),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "search"),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "ai"),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "ai"),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "seo"),
    ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "monitoring"),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "social preview"),
    ("Twitterbot/1.0", "social preview"),
    ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 10 subscribers)", "feed"),
    ("Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)", "archive"),
    ("Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", "security"),
    ("curl/8.9.1", "tool"),
    ("python-requests/2.32.3", "tool"),
    (X11 + "HeadlessChrome/142.0.0.0 Safari/537.36", "tool"),
    ("Go-http-client/2.0", "tool"),
    ("Dalvik/2.1.0 (Linux; U; Android 13; SM-A515F Build/TP1A)", "tool"),
    ("MyShop/4.1 CFNetwork/1498.700.2 Darwin/23.6.0", "tool"),
    ("", "tool"),
    ("   ", "tool"),
    ("something that nobody has ever seen", "tool"),
    ("Mozilla/5.0 (compatible; BrandNewBot/1.0)", "other"),
    (WIN + "Chrome/142.0.0.0 Safari/537.36 (+https://unheard-of.example/about)", "other"),
]


@pytest.mark.parametrize(("text", "device", "browser", "system"), PEOPLE)
def test_a_persons_browser_is_no_bot(text: str, device: str, browser: str | None, system: str | None) -> None:
    agent = agent_of(text)
    assert (agent.bot, agent.bot_name) == ("", "")
    assert agent.device == device
    assert browser is None or agent.browser == browser
    assert system is None or agent.os == system


def test_the_list_of_people_is_wide_enough() -> None:
    assert len({text for text, *_ in PEOPLE}) >= 60
    assert {device for _, device, *_ in PEOPLE} == {"desktop", "mobile", "tablet", "tv", "console"}


@pytest.mark.parametrize(("text", "kind"), BOTS)
def test_a_bot_has_its_class(text: str, kind: str) -> None:
    agent = agent_of(text)
    assert (agent.bot, agent.device) == (kind, "bot")


def test_a_bot_has_its_name() -> None:
    assert agent_of(BOTS[0][0]).bot_name == "Googlebot"
    assert agent_of("Mozilla/5.0 (compatible; BrandNewBot/1.0)").bot_name == "BrandNewBot"


@pytest.mark.skipif(not CRAWLERS.exists(), reason=f"the crawler list is not on this machine: {CRAWLERS}")
def test_published_crawlers_are_found() -> None:
    texts = [text for row in json.loads(CRAWLERS.read_text("utf-8")) for text in row["instances"]]
    missed = [text for text in texts if not agent_of(text).bot]
    assert len(texts) > 2000
    assert len(missed) / len(texts) < 0.01, missed[:20]


def test_versions_are_majors() -> None:
    agent = agent_of(IPHONE + "Version/18.1 Mobile/15E148 Safari/604.1")
    assert agent == Agent("Safari", "18", "iOS", "18.1", "mobile", "", "")


def test_a_key_is_stable() -> None:
    assert agent_id("curl/8.9.1") == agent_id("curl/8.9.1") != agent_id("curl/8.9.2")
    assert agent_id("") == 0x2D06800538D394C2


@given(st.text(alphabet=st.characters(), max_size=1500))
def test_any_text_has_an_answer(text: str) -> None:
    agent = agent_of(text)
    assert agent.device in {"desktop", "mobile", "tablet", "tv", "console", "bot"}
    assert bool(agent.bot) == (agent.device == "bot")
    assert 0 <= agent_id(text) < 2**64
