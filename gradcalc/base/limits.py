"""All bounds on what is accepted and attempted, with the reason for each."""

from __future__ import annotations

#: Characters in one expression. A formula sheet's longest line is a few thousand.
TEXT_LENGTH = 200_000

#: Operations in one expression.
STEPS = 50_000

#: Statements of one program, and results of its last line.
STATEMENTS = 10_000

#: Entries of one tensor, and operations on single numbers of which a program may consist when it is
#: written out for calculus; a product of two matrices of 200 by 200 has 16 million, and is checked
#: along random directions instead.
TENSOR_ENTRIES = 1_000_000
SCALAR_STEPS = 400_000

#: Dimensions of a tensor; many of torch's functions take no more.
DIMENSIONS = 64

#: Points of a grid: what torch and numpy count with has 64 bits.
POINTS = 10**18

#: Values that `--at` gives, and weights of results.
BINDINGS = 5_000

#: Entries of the derivatives of one report up to which formulas are given.
FORMULA_ENTRIES = 100

#: Entries of a Jacobian that is given where a result that is no scalar has no weights, and of a
#: Hessian.
JACOBIAN_ENTRIES = 1_000
HESSIAN_ENTRIES = 2_500

#: Backward passes over one graph.
PASSES = 1_000

#: Characters of a name. Nobody's is longer, and some of Unicode's take quadratic time to compare.
NAME_LENGTH = 1_000

#: Characters of a message or of a hint, which may quote what a user typed.
MESSAGE_LENGTH = 300

#: Characters of a command that is to be reported with an error of our own.
REPORTED_LENGTH = 4_000

#: Nesting of brackets; CPython's own parser gives up at 200. It also gives up on trees near 3,000
#: deep (a sum of n terms nests n deep), which has no constant to ask for and is caught where it
#: happens.
BRACKETS = 190

#: Digits of a number as typed, and the largest decimal exponent that is looked at; beyond the
#: range of float64 (about 1e308) a number is refused anyway.
NUMBER_LENGTH = 1_000

#: Bits in a power of constants, such as 2**1000. float64 ends at 1024.
CONSTANT_BITS = 4_096

#: Size of a constant whole exponent, as in x**1000; sympy raises numbers to it exactly.
CONSTANT_EXPONENT = 1_000_000

#: Calls of square() with a constant argument in one expression.
CONSTANT_SQUARES = 12

#: Constant argument of gamma, factorial, beta, lgamma (which sympy evaluates exactly), and order of
#: polygamma. gamma(172) is beyond float64.
CONSTANT_GAMMA = 1_000
CONSTANT_ORDER = 100

#: Size of a whole exponent up to which balls are multiplied, and beyond which they go through the
#: logarithm.
WHOLE_EXPONENT = 2**62

#: Order of polygamma in balls: beyond it a value takes more than a second at 8,192 bits.
POLYGAMMA_ORDER = 200

#: Radius from which on a function is not asked at a ball, but at its ends: Arb takes seconds for
#: Bessel functions and polygamma of wide ones, at many bits that they do not merit.
WIDE = 1e-3

#: Argument up to which erfcx is a product; squares far beyond it have too large an exponential.
ERFCX_PRODUCT = 100

#: Steps, nesting, and length when written out, beyond which sympy, which recurses, is not asked for
#: a formula.
FORMULA_STEPS = 400
FORMULA_DEPTH = 60
FORMULA_SIZE = 1_000

#: About the size of the derivatives, all together: that of a product of n terms is n times as long,
#: the second n*n times. What is longer takes seconds, and has no place in a report either.
FORMULA_DERIVATIVES = 30_000

#: Operations of a formula beyond which it is shown untidied, those beyond which it is not
#: multiplied out, and those of all formulas of one report that are tidied: sizes, so that the same
#: question gets the same formula on any machine.
TIDY_NODES = 200
CANCEL_NODES = 40
CANCEL_SYMBOLS = 3
TIDY_TOTAL = 2_000

#: Seconds of a processor that tidying one report's formulas may take, should they be harder than
#: their size; what is left then stays as it is.
TIDY_SECONDS = 0.5

#: Seconds of a processor that values which are usually there at once may take; those that do take
#: longer are asked for again, within the time of the question.
AT_ONCE_SECONDS = 0.5

#: Characters of a formula beyond which it is left out of the report.
FORMULA_LENGTH = 5_000

#: Bytes in one line of a batch file, and characters in one row of a file of points.
LINE_BYTES = 1_000_000

#: Derivatives times operations beyond which the limit is called only where it can change a verdict;
#: it costs a few runs of the program for each derivative.
THOROUGH = 20_000

#: Bytes that a worker of a batch may take beyond what it has at its start: a product of the largest
#: tensors that are accepted takes some hundred megabytes.
WORKER_MEMORY = 4 * 2**30

#: Bytes of address space below which torch is not loaded: where it gets no more, the C libraries
#: that come with it end the process, some of them with the exit code of a disagreement.
LIBRARY_MEMORY = 800 * 2**20

#: Seconds beyond `--timeout` after which a worker that says nothing is stopped. Within them a line
#: that was interrupted in time gives those verdicts that it has.
GRACE = 5.0

#: Seconds of `--timeout` beyond which there is no limit: 11 days. The system's poll() counts to 24.
FOREVER = 1e6

#: Processes of one batch.
JOBS = 256

#: Seconds of work that are handed to a worker at once, and what bounds it before that is known:
#: records, and characters of theirs.
CHUNK_SECONDS = 0.2
CHUNK_RECORDS = 256
CHUNK_TEXT = 1_000_000

#: Seconds after which a node of a cluster sends what it has answered of a chunk.
STINT_SECONDS = 1.0

#: Chunks under way for each worker: while one line is slow, the others get so far ahead of it.
CHUNKS_AHEAD = 4

#: Expressions that are remembered, parsed and differentiated, in case they are asked at another
#: point.
RECENT = 64

#: Seconds beyond which no more bits are spent on a point: what is not known by then stays unknown.
EXACT_SECONDS = 2.0

#: Seconds of a processor beyond which no more quotients are taken for a slope: gamma functions take
#: that long at the bits that second derivatives ask for. What the chain rule proves stays proved.
SLOPE_SECONDS = 1.0
