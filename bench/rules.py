"""How fast the rules of enrichment are: `python -m bench.rules` prints its figures as one line of JSON, last."""

import ipaddress
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from tandem.collect.model.agents import agent_id, agent_of
from tandem.collect.model.origins import conclude, load_rules, origin_id, origin_of
from tandem.collect.sources.places import PlaceFinder

T = TypeVar("T")
SEED = 2026

REFERRERS = (
    "",
    "https://www.google.com/",
    "https://www.google.pl/",
    "https://yandex.ru/",
    "https://l.facebook.com/",
    "https://t.co/abc",
    "https://shop.example/catalogue/ferns?page=2",
    "https://blog-{n}.example/post/{n}",
    "android-app://com.google.android.gm/",
)
QUERIES = (
    "",
    "",
    "page=2&sort=price",
    "gclid=EAIaIQobChMI{n}",
    "fbclid=IwAR{n}",
    "utm_source=google&utm_medium=cpc&utm_campaign=spring-{n}&utm_term=fern+%D0%BF%D0%B0%D0%BF&gclid=Cj0{n}",
    "utm_source=newsletter&utm_medium=email&utm_campaign=week-{n}&utm_content=top",
)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.{n}.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.{n}.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E{n} Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html) {n}",
)


def per_cpu_s(work: Callable[[T], object], items: Sequence[T]) -> int:
    """Return how many items one CPU-second does: the best of three rounds, since the machine is shared."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        for item in items:
            work(item)
        best = min(best, time.process_time() - started)
    return round(len(items) / max(best, 1e-9))


def once_per_cpu_s(work: Callable[[T], object], items: Sequence[T]) -> int:
    """Return the same for one round over items that were never seen before."""
    started = time.process_time()
    for item in items:
        work(item)
    return round(len(items) / max(time.process_time() - started, 1e-9))


def main() -> None:
    rng = random.Random(SEED)
    rules, own, places = load_rules(), frozenset({"shop.example"}), PlaceFinder()
    agent_of("warm up")

    def landing(most: int) -> tuple[str, str]:
        n = str(rng.randrange(most))
        return rng.choice(QUERIES).replace("{n}", n), rng.choice(REFERRERS).replace("{n}", n)

    def facts(pair: tuple[str, str]) -> int:
        return origin_id(origin_of(*pair))

    def concluded(pair: tuple[str, str]) -> str:
        return conclude(origin_of(*pair), own, rules).channel

    fresh = [landing(10**12) for _ in range(30_000)]
    usual = [landing(200) for _ in range(100_000)]
    texts = [AGENTS[n % len(AGENTS)].replace("{n}", str(n)) for n in range(5_000)]
    addresses = [str(ipaddress.ip_address(rng.getrandbits(32))) for _ in range(30_000)]
    metrics = {
        "origins_uncached_per_cpu_s": once_per_cpu_s(facts, fresh),
        "origins_per_cpu_s": per_cpu_s(facts, usual),
        "conclusions_uncached_per_cpu_s": once_per_cpu_s(concluded, [landing(10**12) for _ in range(30_000)]),
        "conclusions_per_cpu_s": per_cpu_s(concluded, usual),
        "agents_uncached_per_cpu_s": once_per_cpu_s(agent_of, texts),
        "agents_per_cpu_s": per_cpu_s(agent_of, texts),
        "agent_ids_per_cpu_s": per_cpu_s(agent_id, texts),
        "places_uncached_per_cpu_s": once_per_cpu_s(places.find, addresses),
        "places_per_cpu_s": per_cpu_s(places.find, addresses[:5_000]),
    }
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
