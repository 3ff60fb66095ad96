"""The function table: the one place that knows which functions and operators exist.

In: rows, written by hand. Out: `TABLE`, which holds a `Function` for each name, and `lookup`.

The parser's names, "did you mean", `gradcalc functions`, the witnesses, and the table and property
tests all read it. Adding a function is adding a row. A row holds:

    name, aliases   what the user may type; `torch.`, `np.`, `F.` and the like before a name are
                    dropped by the parser, and `x.name()` is the same as `name(x)`
    signature       parameters as in Python, "x, beta=1"; "*x" takes two or more arguments, which
                    the parser nests two by two; "[tensors]" takes a list of values, "*tensors" all
                    that are left, "*shape" (an option) whole numbers or a tuple of them
    options         parameters that are no values but axes, shapes, indices, words; the columns get
                    them by name
    static          parameters that must be constants, because torch takes a plain number there
    derivative      for each parameter that is not static, in gradcalc's own language: what a hand
                    would write, almost everywhere; the tests hold it against sympy and torch.
                    Calculus differentiates by it what SymEngine does not know, but for `where`
    torch           the function for autograd, as torch has it, else composed of torch operations
    sympy           its definition for calculus, in sympy's functions, which are SymEngine's too as
                    far as that has them
    opaque          formulas keep the name (sigmoid(x), not 1/(1 + exp(-x))) and differentiate it
                    by `derivative`; otherwise sympy's definition stands in formulas
    unsound         SymEngine errs about it: asec(3) is asin(1/3) to it; or it ends the process
                    outside the domain. So it is not asked
    mpmath          the function for the limit, on real numbers of any precision. A result that is
                    no finite real number, or a ValueError or ZeroDivisionError, says "undefined
                    here"
    domain          where it is defined, for the reader
    samples         points inside the domain and off the kinks
    outside         points where it has no finite real value
    inside          of the arguments, where only single points are missing from the domain: nothing;
                    else how far they are inside it, less than 0 outside, and 0 on the border. It
                    changes no faster than twice as fast as the arguments do. Read by `domains`
                    alone; where it is not stated, nothing is known
    margin          of the arguments (floats, mpmath numbers, or tensors entry by entry): how far
                    they are from a point where it may be non-differentiable, or from the border of
                    the domain; 0 or less just there. It changes no faster than twice as fast as the
                    arguments do, so that one beyond twice their error bounds is safe. One function,
                    or one for each parameter. Cheap and generous: it only calls the limit to the
                    stand
    kinks           points where it is not differentiable, each with the gradient torch answers
                    there; where versions of torch differ, by the version from which on it does. A
                    gradient of fewer numbers is that beside plain numbers: clamp(x, -1, 1)
    largest         the largest constant argument, where sympy would compute a huge number exactly
    any_size        the mpmath column is safe at any magnitude (others can ask for gigabytes)
    commutes        the order of its two arguments is nothing, to floating-point numbers either
    cancels         its value may be far smaller than its arguments, and nothing but their rounding
    poles           its value may be as large as one over the rounding of its arguments: tan(pi/2)
    numbers         torch takes plain numbers after the first argument, and shows another grad_fn
                    for them than for tensors; the same goes for every operator
    conditions      how many of the first arguments are conditions (x > 0); elsewhere a condition
                    counts as 1 or 0, and where one is wanted, a number counts as true unless it
                    is 0
    symbol          how it is written, for an operator

A row that says no more works entry by entry on tensors, with broadcasting. The others have no
single number; the columns derivative, sympy, mpmath, samples and kinks are empty there (only `sum`
has them, for its terms), and one of these says what becomes of the entries:

    moves           torch moves the entries around and calculates nothing: `expand` runs the torch
                    column on the numbers of the entries
    entries         on `entries.Entries`, which have the rows of the table as methods: the function,
                    written with others
    creates         torch makes a new tensor, which is a constant; it gets `dtype` and `generator`
    reads           the argument whose values choose what is calculated, such as class indices;
                    `entries` gets them too
    pairwise        the row that is meant when it is called with two tensors: max(x, y)
    parts           names of the results where torch gives several: slogdet(x).logabsdet
    attribute       written without brackets: x.T
    called          whether it can be called by its name; x[0] and x[0] = y have rows that cannot
    trials          lines of a batch file that use it, as the tests do with every row
    refused         lines that must be refused, because shapes do not fit

torch, sympy and mpmath are imported when a column of theirs is first called.
"""

from __future__ import annotations

# The order is that of `gradcalc functions`.
from gradcalc.functions import (  # noqa: F401 - importing a module enters its rows
    arithmetic,
    powers,
    trigonometric,
    activations,
    selection,
    special,
    creation,
    shapes,
    reductions,
    linear,
    losses,
)
from gradcalc.functions.table import (
    TABLE,
    Function,
    Kink,
    Parameter,
    Point,
    algebra,
    callable_names,
    lookup,
    mp,
    symengine,
    sympy,
    torch,
)

__all__ = [
    "TABLE",
    "Function",
    "Kink",
    "Parameter",
    "Point",
    "algebra",
    "callable_names",
    "lookup",
    "mp",
    "symengine",
    "sympy",
    "torch",
]
