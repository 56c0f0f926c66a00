"""The small expressions of VSCView layouts: `triggers:l:stage2 OR If(triggers:l:analog > 0, 1, 0)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ops.outcomes import BadInputError

#: Value of an input by its name; names that are absent are 0.
Inputs = Mapping[str, float]
Expression = Callable[[Inputs], float]

_TOKEN = re.compile(r"\s*(?:(\d*\.?\d+)|([A-Za-z_][\w:]*)|(<=|>=|==|!=|[-+*/()<>,!]))")
#: Deepest nesting of brackets; Python's own limit is far away.
_MAX_DEPTH = 40
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def parse(text: str) -> Expression:
    """Return a function of the inputs; numbers, names, `+ - * /`, comparisons, AND, OR, NOT and If(a, b, c).

    Raises:
        BadInputError: the text is no such expression.
    """
    reader = _Reader(text)
    expression = reader.alternatives()
    if reader.peek():
        raise reader.error()
    return expression


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.tokens: list[str] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise self.error()
            self.tokens.append(found[0].strip())
            place = found.end()

    def error(self) -> BadInputError:
        return BadInputError(
            f"expression {self.text!r} is not understood; expected inputs, numbers, OR, AND, If(a, b, c)"
        )

    def peek(self) -> str:
        return self.tokens[self.at].upper() if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        if self.at >= len(self.tokens) or (expected and self.tokens[self.at] != expected):
            raise self.error()
        self.at += 1
        return self.tokens[self.at - 1]

    def alternatives(self) -> Expression:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error()
        left = self.conjunction()
        while self.peek() == "OR":
            self.take()
            left = _either(left, self.conjunction())
        self.depth -= 1
        return left

    def conjunction(self) -> Expression:
        left = self.comparison()
        while self.peek() == "AND":
            self.take()
            left = _both(left, self.comparison())
        return left

    def comparison(self) -> Expression:
        left = self.sum()
        while self.peek() in _COMPARE:
            left = _compare(_COMPARE[self.take()], left, self.sum())
        return left

    def sum(self) -> Expression:
        left = self.product()
        while self.peek() in ("+", "-"):
            sign = 1.0 if self.take() == "+" else -1.0
            left = _add(left, self.product(), sign)
        return left

    def product(self) -> Expression:
        left = self.unit()
        while self.peek() in ("*", "/"):
            left = _times(left, self.unit()) if self.take() == "*" else _over(left, self.unit())
        return left

    def unit(self) -> Expression:
        token = self.take()
        if token == "(":
            inner = self.alternatives()
            self.take(")")
            return inner
        if token == "-":
            return _add(_constant(0), self.unit(), -1.0)
        if token in ("!",) or token.upper() == "NOT":
            return _invert(self.unit())
        if token[0].isdigit() or token[0] == ".":
            return _constant(float(token))
        if token.upper() == "IF":
            return self._choice()
        if not token[0].isalpha():
            raise self.error()
        return lambda inputs: float(inputs.get(token, 0))

    def _choice(self) -> Expression:
        self.take("(")
        test = self.alternatives()
        self.take(",")
        yes = self.alternatives()
        self.take(",")
        no = self.alternatives()
        self.take(")")
        return lambda inputs: yes(inputs) if test(inputs) else no(inputs)


def _constant(value: float) -> Expression:
    return lambda _: value


def _either(a: Expression, b: Expression) -> Expression:
    return lambda inputs: float(bool(a(inputs)) or bool(b(inputs)))


def _both(a: Expression, b: Expression) -> Expression:
    return lambda inputs: float(bool(a(inputs)) and bool(b(inputs)))


def _invert(a: Expression) -> Expression:
    return lambda inputs: float(not a(inputs))


def _compare(test: Callable[[float, float], bool], a: Expression, b: Expression) -> Expression:
    return lambda inputs: float(test(a(inputs), b(inputs)))


def _add(a: Expression, b: Expression, sign: float) -> Expression:
    return lambda inputs: a(inputs) + sign * b(inputs)


def _times(a: Expression, b: Expression) -> Expression:
    return lambda inputs: a(inputs) * b(inputs)


def _over(a: Expression, b: Expression) -> Expression:
    return lambda inputs: a(inputs) / b(inputs) if b(inputs) else 0.0
