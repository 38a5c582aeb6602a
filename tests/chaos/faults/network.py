"""F14: the network between every two processes that talk: slow, cut, silent, half open.

A line of the Procfile has a proxy of its own before each server, so that only its own connections
suffer. What the proxy counts (`hits`) shows that the fault bit.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.scenario import Scenario
from tests.chaos.site import Site
from tests.services.tcp_proxy import TcpProxy


@dataclass(frozen=True)
class _Fault:
    """What befalls a link, and for how long."""

    name: str
    strike: Callable[[TcpProxy], None]
    lasts_s: float


_DELAY = _Fault("delay", lambda proxy: proxy.delay(0.1, jitter_s=0.03), 6)
_RESET = _Fault("reset", TcpProxy.reset, 5)
_BLACKHOLE = _Fault("blackhole", TcpProxy.blackhole, 12)
_HALF_OPEN = _Fault("half-open", TcpProxy.half_open, 8)
#: Half of an answer, of any of them: the smallest are about 100 bytes.
_CUT = _Fault("cut", lambda proxy: proxy.cut_after(150), 5)
_THROTTLE = _Fault("throttle", lambda proxy: proxy.throttle(16_384), 8)

_FAULTS = {
    "web-mongo": (_DELAY, _RESET, _BLACKHOLE, _HALF_OPEN, _CUT),
    "web-kafka": (_DELAY, _RESET, _BLACKHOLE, _CUT),
    "worker-mongo": (_DELAY, _RESET, _BLACKHOLE, _HALF_OPEN, _CUT),
    "worker-kafka": (_DELAY, _RESET, _BLACKHOLE, _HALF_OPEN, _CUT),
    "worker-parser": (_DELAY, _RESET, _BLACKHOLE, _CUT, _THROTTLE),
    "rescuer-mongo": (_RESET, _BLACKHOLE),
    "rescuer-kafka": (_RESET, _BLACKHOLE),
}


def _strike(fault: _Fault, link: str, site: Site) -> None:
    proxy = site.proxies[link]
    assert proxy.bytes, f"nothing went over {link} before"
    before = proxy.hits
    fault.strike(proxy)
    site.wait(fault.lasts_s)
    # Counted before: what is silent may be reset when the network is whole again.
    hits = proxy.hits - before
    proxy.heal()
    assert hits, f"{fault.name} met nobody on {link}"
    site.prove(f"{fault.name} hit {hits} times in {fault.lasts_s:.0f} s")


def _lead_through(link: str, site: Site) -> None:
    site.lead_through(link)


SCENARIOS = tuple(
    Scenario(
        f"{link}-{fault.name}",
        "F14",
        functools.partial(_strike, fault, link),
        prepare=functools.partial(_lead_through, link),
    )
    for link, faults in _FAULTS.items()
    for fault in faults
)
