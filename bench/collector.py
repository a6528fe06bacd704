"""The collector: how much of a no-op's rate is left when every answer waits for the disk, and what a kill -9 loses.

Both rates are measured in one run, in turn, on the same server process (one worker, RSGI, event loop of Granian): a
no-op that reads the body and answers 204, and the hit that is checked, hashed, located, appended and fdatasynced before
202. Medians of several rounds. Then the server is killed in mid-load and the spool is read as the loader would.
"""

import json
import statistics
import threading
import time

import msgspec

from bench.load import Outcome, fire, request
from bench.servers import Running
from tandem.base.spool import records_in, recover, sealed
from tandem.collect.model.hit import Record

ROUNDS, SECONDS, CONNECTIONS = 5, 3.0, 256
_read = msgspec.json.Decoder(Record).decode


def hit(n: int) -> bytes:
    """A page view of about 600 bytes on the wire, with its own id; each visitor sends eight."""
    now = int(time.time() * 1000)
    body = (
        f'{{"s":"bench","c":{now},"m":"cookieless","l":"en-GB","w":1440,"n":0,"e":[{{"i":"{n:016x}","k":"pageview",'
        f'"t":{now},"u":"https://shop.example/plants/fern-{n % 50}?utm_source=letter&utm_medium=email&utm_campaign=m",'
        f'"r":"https://www.google.com/"}}]}}'
    )
    return request("/t/hit", body.encode(), f"81.2.{n // 8 % 250}.{n // 2000 % 250}")


def noop(n: int) -> bytes:
    return request("/t/noop", hit(n).partition(b"\r\n\r\n")[2])


def main() -> None:
    server = Running("collect", "--no-load")
    acks, noops, cpu = list[float](), list[float](), list[float]()
    first = 1
    fire(server.port, 1, CONNECTIONS, noop)
    for i in range(ROUNDS):
        noops.append(fire(server.port, SECONDS, CONNECTIONS, noop).per_s)
        before = server.cpu_s()
        outcome = fire(server.port, SECONDS, CONNECTIONS, hit, first)
        first += 10_000_000
        acks.append(outcome.per_s)
        cpu.append(len(outcome.acknowledged) / (server.cpu_s() - before))
        print(f"round {i + 1}: no-op {noops[-1]:,.0f}/s, acknowledged {acks[-1]:,.0f}/s, {outcome.statuses}")
    lost, acknowledged = _lost_after_kill(server, first)
    server.clear()
    ratios = [a / n for a, n in zip(acks, noops, strict=True)]
    print(
        json.dumps(
            {
                "ack_per_s": round(statistics.median(acks)),
                "noop_per_s": round(statistics.median(noops)),
                "ack_to_noop": round(statistics.median(ratios), 3),
                "ack_per_cpu_s": round(statistics.median(cpu)),
                "lost_after_kill": lost,
                "acknowledged_before_kill": acknowledged,
            }
        )
    )


def _lost_after_kill(server: Running, first: int) -> tuple[int, int]:
    """Ids that were acknowledged and are not in the spool, after kill -9 in mid-load."""
    found: list[Outcome] = []
    load = threading.Thread(target=lambda: found.append(fire(server.port, 4, 64, hit, first)))
    load.start()
    time.sleep(2)
    server.kill()
    load.join()
    ids: set[int] = set()
    for folder in (server.folder / "spool").iterdir():
        recover(folder)
        for segment in sealed(folder):
            ids |= {event.id for payload in records_in(segment) for event in _read(payload).events}
    return len(set(found[0].acknowledged) - ids), len(found[0].acknowledged)


if __name__ == "__main__":
    main()
