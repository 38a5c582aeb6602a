"""F19, F20: a parser that is slow, broken, overloaded, confused, cut off or gone."""

import functools

from tests.chaos.checker import Rules
from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

_LASTS_S = 6.0
#: Longer than the breaker waits before it tries again.
_GONE_S = 25.0
#: What is no answer of the contract is no reason to ask again: those jobs fail.
_BAD_ANSWER = Rules(may_fail=frozenset({"parser_bad_answer"}))

_MODES = {
    "slow": Rules(),
    "500": Rules(),
    "429": Rules(),
    "hang": Rules(),
    "reset": Rules(),
    "cut": Rules(),
    "garbage": _BAD_ANSWER,
    "html": _BAD_ANSWER,
    "huge": _BAD_ANSWER,
    "redirect": _BAD_ANSWER,
}


def misbehave(mode: str, site: Site) -> None:
    """Have the parser answer in this way for a while."""
    site.parser.set_mode(mode)
    site.wait(_LASTS_S)
    site.parser.set_mode("")
    site.until(lambda: _calls(site, mode), within_s=90, why=f"a call was answered with {mode}")
    site.prove(f"{_calls(site, mode)} calls answered with {mode}")


def break_down(site: Site) -> None:
    """Have the parser answer 500 for a while."""
    misbehave("500", site)


def be_gone(site: Site) -> None:
    """Kill the parser, and start it again long after."""
    site.stack.kill("parser.1")
    site.wait(_GONE_S)
    waiting = site.unfinished()
    assert waiting, "jobs ended without a parser"
    site.prove(f"{waiting} jobs waited for {_GONE_S:.0f} s")
    site.stack.restart("parser.1")


def _calls(site: Site, mode: str) -> int:
    return sum(called == mode for _, _, called, _ in site.parser.calls())


SCENARIOS = (
    *(
        Scenario(f"parser-{mode}", "F19", functools.partial(misbehave, mode), rules=rules)
        for mode, rules in _MODES.items()
    ),
    Scenario("parser-gone", "F19", be_gone),
)
