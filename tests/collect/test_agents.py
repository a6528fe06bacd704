"""What user agents are: bots of the published list, and browsers of people that must never be taken for bots."""
# ruff: noqa: E501 (a user agent is one line)

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.collect.model.agents import Agent, agent_id, agent_of, load_agent_rules

CRAWLERS = Path(__file__).parents[2] / "bench" / "data" / "agents" / "crawler-user-agents.json"

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
    # An app's own requests come from a person's device. The build of its Android says nothing of it.
    ("Dalvik/2.1.0 (Linux; U; Android 13; SM-A515F Build/TP1A)", "mobile", None, "Android"),
    ("MyShop/4.1 CFNetwork/1498.700.2 Darwin/23.6.0", "desktop", None, None),
    ("Mozilla/5.0 (Linux; Android 15; CPH2609 Build/AP3A.240617.008; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.6778.200 Mobile Safari/537.36 Instagram 360.0.0.30", "mobile", "Instagram", "Android"),
    ("Mozilla/5.0 (Linux; Android 15; AP3A.240617.008) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/67.0.3396.87 Mobile Safari/537.36", "mobile", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 4.2.2; HTC Butterfly Build/JDQ39) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/30.0.1599.92 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; Android 8.1.0; XBot Junior) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/87.0.4280.101 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
    (IPHONE + "Mobile/15E148 Blackboard/3.6.0", "mobile", None, "iOS"),
    ("Mozilla/5.0 (Linux; U; Android 5.1; zh-cn; M02 Build/LMY47D) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30 SogouMSE,SogouMobileBrowser/4.1.0", "mobile", None, "Android"),
    # Yandex Browser is not Chrome, the small one and the search app neither.
    ("Mozilla/5.0 (Linux; Android 14; TECNO LI9 Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/117.0.0.0 YaBrowser/22.8.1.94 (lite) Mobile Safari/537.36", "mobile", "Yandex Browser", "Android"),
    ("Mozilla/5.0 (Linux; arm_64; Android 13; P40HD) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 YaApp_Android/24.10/apad YaSearchBrowser/24.10/apad BroPP/1.0 SA/3 Mobile Safari/537.36", "tablet", "Yandex Browser", "Android"),
    ("Mozilla/5.0 (Linux; Android 9; SM-A105F Build/PPR1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/74.0.3729.157 Mobile Safari/537.36 YandexSearch/8.60", "mobile", "Yandex Browser", "Android"),
    # Systems that are built on Android or Linux and have a name.
    ("Mozilla/5.0 (Linux; Android 11; KFSNWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/116.5.8 like Chrome/116.0.5845.229 Safari/537.36", "tablet", "Amazon Silk", "Fire OS"),
    ("Mozilla/5.0 (Linux; Android 9; AFTKA Build/PS7633; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36", "tv", "Android WebView", "Fire OS"),
    ("Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00; HMSCore 6.14.0.309) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/15.0.9.300 Mobile Safari/537.36", "mobile", "Huawei Browser", "HarmonyOS"),
    ("Mozilla/5.0 (Linux; Android 12; HarmonyOS; DBR-W19; HMSCore 6.13.0.322) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0.4844.88 HuaweiBrowser/14.0.5.303 Safari/537.36", "tablet", "Huawei Browser", "HarmonyOS"),
    ("Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile", "mobile", "Huawei Browser", "HarmonyOS"),
    ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.5359.211 Safari/537.36 WebAppManager", "tv", "Chrome", "webOS"),
    ("Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.5) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0 Chrome/85.0.4183.93 TV Safari/537.36", "tv", None, "Tizen"),
    # Tablets and televisions that say "Mobile", as telephones do.
    ("Mozilla/5.0 (Linux; U; Android 9; zh-Hans-CN; JDN2-W09HN Build/XXXXX) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/57.0.2987.108 Quark/3.1.1.105 Mobile Safari/537.36", "tablet", None, "Android"),
    ("Mozilla/5.0 (Linux; Android 13; Lenovo TB-X606F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36", "tablet", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; arm; Android 9; TF-LED32S14T2S Build/PPR2; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/104.0.5112.102 Mobile Safari/537.36", "tv", "Android WebView", "Android"),
    ("Mozilla/5.0 (Linux; Android 9; GTKing_AT_ATV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/78.0.3904.62 Safari/537.36", "tv", "Chrome", "Android"),
    ("Mozilla/5.0 (Linux; Android 7.0; myA9 DTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/76.0.3809.132 Mobile Safari/537.36", "mobile", "Chrome", "Android"),
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
    ("Dalvik/2.1.0 (Linux; U; Android 13; SM-A515F Build/TP1A) (googleweblight)", "other"),
    (
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/135.0.7049.52 Mobile Safari/537.36 (compatible; Google-AMPHTML)",
        "other",
    ),
    ("GuzzleHttp/6.2.1 PHP/7.0.15-0ubuntu0.16.04.4", "tool"),
    ("akka-http/10.0.10", "tool"),
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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        ("Mozilla/5.0 (compatible; BrandNewBot/1.0)", "BrandNewBot"),
        ("Mozilla/5.0 (compatible; Unheard Of Thing; +https://unheard-of.example/about)", "Unheard Of Thing"),
        ("Mozilla/5.0 (compatible; Thing/0.4; +https://unheard-of.example/about)", "Thing"),
        (WIN + "Chrome/142.0.0.0 Safari/537.36 (+https://www.unheard-of.example/about)", "unheard-of.example"),
        ("Mozilla/5.0 (contact: somebody@unheard-of.example)", "unheard-of.example"),
        ("https://unheard-of.example/bot.html", "unheard-of.example"),
        ("Firmographic/1.2 http client", "Firmographic"),
    ],
)
def test_a_bot_has_a_readable_name(text: str, name: str) -> None:
    assert agent_of(text).bot_name == name


def test_no_name_is_a_piece_of_an_address() -> None:
    names = {name for _, name, _ in load_agent_rules()["patterns"]}
    assert len(names) > 2000
    assert [name for name in names if "//" in name or name.lower().startswith(("http:", "https:", "www."))] == []


def test_published_crawlers_are_found() -> None:
    texts = [text for row in json.loads(CRAWLERS.read_text("utf-8"))[::3] for text in row["instances"]]
    missed = [text for text in texts if not agent_of(text).bot]
    assert len(texts) > 600
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
