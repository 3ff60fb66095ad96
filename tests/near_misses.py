"""Random programs for the property tests: near kinks, poles and ends of domains, and ordinary ones.

In: a seed. Out: a text and a point, the same for the same seed. The argument of the function that
has the kink or the pole is a coordinate less the kink's place, a unit in the last place or 1e-5 to
1e-300 away from it, and often a term such as exp(-y), with y of 20 to 700, which rounding hides.
"""

from __future__ import annotations

import math
import random
import re

Asked = tuple[str, dict[str, float]]

KINKS = (
    "abs({u}), relu({u}), sqrt(({u})**2), sign({u})*z, floor({u}+2), ceil({u}), maximum({u}, 0), "
    "minimum({u}, z*0), clamp({u}, 0, 1), hardtanh({u}+1), where({u} > 0, {u}, 2*({u})), "
    "where({u} > 0, sin({u}), {u}), where({u} >= 0, exp({u}), 1+({u})), frac({u}+3), "
    "round({u}+0.5), leaky_relu({u}), elu({u}), celu({u}), selu({u}), softshrink({u}+0.5), "
    "hardshrink({u}+0.5), relu6({u}), hardswish({u}+3), softsign({u}), ({u})*abs({u}), "
    "relu({u})**2, fmod({u}+1, 1), remainder({u}, 1), copysign(z, {u})*({u}), "
    "where({u} == 0, z, 1+{u}), abs({u})**1.5, abs({u})**0.5, cbrt({u}), abs({u})*({u})**2, "
    "hypot({u}, 0), trunc({u}+1)"
)
REMOVABLE = (
    "sinc({u}), sin({u})/({u}), (1-cos({u}))/({u})**2, (exp({u})-1)/({u}), log1p({u})/({u}), "
    "({u})/sqrt(({u})**2), ({u})*cot({u}), tan({u})/({u}), ({u})/expm1({u}), xlogy({u}, {u}), "
    "entr({u}), ({u})**2/({u}), sinh({u})/({u}), ({u})*csch({u}), sinc({u})+sinc({u}+1)"
)
DOMAINS = (
    "log({u}), 1/({u}), sqrt({u}), asin(1-({u})), acos({u}-1), acosh(1+({u})), atanh(1-({u})), "
    "log1p({u}-1), logit({u}), csc({u}), cot({u}), ({u})**0.5, ({u})**1.5, ({u})**z, "
    "sqrt(({u})*(2+{u})), log2({u}), where({u} > 0, 1/({u}), {u}), "
    "where({u} >= 0, sqrt({u}), {u}), "
    "where({u} < 0, log(-({u})), {u}), where({u} > 0, log({u}), z*({u})), exp(-1/({u})**2), "
    "logaddexp(z, log({u}))"
)
AROUND = (
    "{f}; {f}; {f}; z*({f}); sin({f}); exp({f}); ({f})*y; ({f})+x*z; tanh({f})+x; ({f})**2; "
    "{f}-({f})*z; ({f})*({g}); ({f})+({g}); atan({f}); sigmoid({f})*x"
)
TINY = ("exp(-y)", "exp(-y)", "-exp(-y)", "exp(-y)*z", "y**2", "y", "y*z")


def _choices(text: str) -> list[str]:
    """Split at commas that are outside of brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


_INNER = [_choices(KINKS), _choices(KINKS), _choices(REMOVABLE), _choices(DOMAINS)]


def near_miss(seed: int) -> Asked:
    """A program near a kink, a removable singularity, a pole or an end of a domain."""
    rng = random.Random(seed)
    place = rng.choice([0.0, 1.0, 1.0, 2.0, 0.5, -1.0, 3.0])
    away = 0.0
    if rng.random() < 0.6:
        away = rng.choice((-1, 1)) * 10.0 ** -rng.choice([5, 8, 12, 17, 30, 100, 200, 300])
    x = place + away
    if away and x == place:
        x = rng.choice([place, math.nextafter(place, 9), math.nextafter(place, -9)])
    base = "x" if not place else f"x-{place!r}" if place > 0 else f"x+{-place!r}"
    if rng.random() < 0.15:
        base = rng.choice(["sin({})", "({})*z", "({})**2", "expm1({})"]).replace("{}", base)
    term = rng.choice(TINY) if rng.random() < 0.6 else ""
    argument = f"{base}{'' if term[:1] in ('', '-') else '+'}{term}"
    y = rng.choice([1e-300, 1e-160, 1e-20, 1e-5, -1e-300, 0.0])
    if "exp" in term:
        y = rng.choice([20.0, 37.0, 100.0, 230.0, 300.0, 500.0, 690.0, 700.0])
    inner = rng.choice(rng.choice(_INNER)).replace("{u}", argument)
    beside = rng.choice(rng.choice(_INNER)).replace("{u}", base)
    text = rng.choice(AROUND.split("; ")).replace("{f}", inner).replace("{g}", beside)
    return text, _used(text, {"x": x, "y": y, "z": rng.choice([2.0, 0.7, -1.5, 1e-12, 3.0, 1.0])})


ORDINARY = (
    "{a}+{b}; {a}*{b}; {a}-{b}; {a}/{b}; sin({a}); exp({a}); log({a}); sqrt({a}); tanh({a}); "
    "({a})**2; cos({a}*{b}); sigmoid({a}); relu({a}); abs({a}); maximum({a}, {b}); "
    "atan2({a}, {b}); hypot({a}, {b}); log1p({a}); expm1({a}); gelu({a}); silu({a}); "
    "softplus({a}); ({a})**{b}; lgamma({a}); erf({a}); where({a} > {b}, {a}, {b}); asinh({a}); "
    "tan({a}); xlogy({a}, {b}); logaddexp({a}, {b}); floor({a}); sinc({a}); digamma({a}); "
    "acos({a}); elu({a}); mish({a}); cosh({a}); entr({a}); clamp({a}, -1, 1); cbrt({a}); "
    "1/({a}); exp(-({a})**2); logit({a}); asin({a})"
)


def ordinary(seed: int) -> Asked:
    """Up to three functions deep, of numbers that are whole, near 1, or 1e-8 to 1e8."""
    rng = random.Random(seed)

    def drawn(depth: int) -> str:
        if not depth or rng.random() < 0.15:
            return rng.choice(["x", "y", "z", "x", "y", "1", "2", "0.5", "10"])
        template = rng.choice(ORDINARY.split("; "))
        return f"({template.replace('{a}', drawn(depth - 1)).replace('{b}', drawn(depth - 1))})"

    at: dict[str, float] = {}
    while not at:
        text = drawn(rng.choice([1, 2, 2, 3]))
        draws = [
            lambda: rng.uniform(-3, 3),
            lambda: rng.uniform(0, 1),
            lambda: float(rng.randint(-2, 3)),
            lambda: 10 ** rng.uniform(-8, 8),
            lambda: 10 ** rng.uniform(-3, 3),
        ]
        at = _used(text, {name: rng.choice(draws)() for name in "xyz"})
    return text, at


def _used(text: str, at: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in at.items() if re.search(rf"\b{name}\b", text)}
