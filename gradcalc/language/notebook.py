"""What notebooks and schoolbooks have and gradcalc's language has not, and what to do instead.

In: a word that is called, or stands behind a dot. Out: advice that can be followed, the function
of a layer, or the function that has this name in another country.
"""

from __future__ import annotations

import re

from gradcalc.functions import Function, lookup

_BY_ITSELF = "leave it out: gradcalc differentiates by itself"
_SHOWN = "leave it out: gradcalc shows it of every tensor"
_NUMBER = "put the number itself there: --at says what it is"
_INTEGRAL = "leave it out: gradcalc differentiates, and integrates nothing"
_LIMIT = "leave it out: gradcalc takes the limits of difference quotients by itself"
_FORMAT = "leave it out: --dtype says it for all, and gradcalc calculates on the CPU"
_VALUE = "leave it out: gradcalc shows the value as a plain number"
_PYTHON = "leave it out: there are numbers and tensors only"

#: Words, and what is said of them.
_ADVICE = {
    "backward": "leave it out: gradcalc runs backward itself; --grad-outputs weighs the result",
    "retain_grad": "leave it out, and ask with --retain-grad NAMES",
    "requires_grad_": "leave it out: every variable requires grad, unless --wrt says otherwise",
    "requires_grad": "leave it out: every variable requires grad, unless --wrt says otherwise",
    "print": "leave it out: gradcalc prints all of it",
    "manual_seed": "leave it out, and give --seed",
    "zero_grad": "leave it out, and ask with --zero-grad",
    "zero_": "leave it out behind .grad: gradients begin at 0; else write y[...] = 0",
    "fill_": "for a tensor full of one number write full((2, 3), 1.5); in place y[...] = 1.5",
    "step": "leave it out: gradcalc differentiates, and optimizes nothing; a jump is x > 0",
    "shape": "put the sizes there themselves, as in x.reshape(2, 3): --at says what they are",
    "range": "for a tensor of whole numbers write arange(3)",
    "float": "leave it out: --dtype says it for all; infinity is inf",
    "int": "leave it out: all numbers are floats; for the whole part write trunc(x)",
    "limit": _LIMIT,
    "lim": _LIMIT,
    "Sequential": "put the layers one below the other, as in y = relu(x)",
    "Parameter": "leave it out: every variable is one; give it a value with --at",
    "apply_": "write functions of the whole tensor, as in sin(x)",
    "lstsq": "write inverse(A) @ b",
    **dict.fromkeys(("grad", "diff", "derivative", "gradient", "jacobian", "hessian"), _BY_ITSELF),
    **dict.fromkeys(("Derivative", "deriv", "derive", "derivada", "ableitung"), _BY_ITSELF),
    **dict.fromkeys(("integrate", "integral", "Integral", "antiderivative", "quad"), _INTEGRAL),
    **dict.fromkeys(("is_leaf", "grad_fn", "retains_grad", "_version", "names"), _SHOWN),
    **dict.fromkeys(("size", "numel", "nelement", "ndim", "ndimension", "dim", "len"), _NUMBER),
    **dict.fromkeys(("item", "numpy", "tolist", "data"), _VALUE),
    **dict.fromkeys(
        ("dtype", "device", "to", "cpu", "cuda", "double", "half", "long", "bfloat16"),
        _FORMAT,
    ),
    **dict.fromkeys(("astype", "float64", "float32", "is_cuda", "contiguous"), _FORMAT),
    **dict.fromkeys(("id", "type", "str", "repr", "list", "dict", "set", "bool"), _PYTHON),
    **dict.fromkeys(("isinstance", "sorted", "zip", "map", "filter", "enumerate"), _PYTHON),
    **dict.fromkeys(("append", "next", "iter", "open", "eval", "exec", "input"), _PYTHON),
    **dict.fromkeys(("register_hook", "train", "eval", "parameters"), _BY_ITSELF),
}

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

#: Modules of torch.nn whose functions are called otherwise.
_LAYERS = {
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "Variable": "tensor",
}

#: Functions, and what they are called in other countries' books and other programs.
_ABROAD = {
    "sin": "sen seno sinus",
    "cos": "coseno cosseno cosinus kosinus",
    "tan": "tg tang tangens tangente",
    "cot": "ctg cotg ctan cotan cotangens",
    "sec": "secante",
    "csc": "cosec cossec cosecante",
    "asin": "asen arcsen",
    "acos": "arcocos",
    "atan": "atg arctg arctang",
    "acot": "actg arcctg arccotg arcctan",
    "sinh": "sh senh",
    "cosh": "ch",
    "tanh": "th tgh",
    "coth": "cth ctgh cotgh",
    "asinh": "arsh arsinh asenh arcsenh",
    "acosh": "arch arcosh",
    "atanh": "arth artanh atgh arctgh",
    "log10": "lg",
    "log2": "lb ld",
    "exp": "exponential",
    "sqrt": "raiz raíz wurzel racine root rac",
    "abs": "betrag modulus",
    "floor": "entier piso",
    "factorial": "fact",
    "sum": "suma soma summe somme",
    "mean": "avg media média",
    "max": "maximo máximo",
    "min": "minimo mínimo",
}
_ENGLISH = {word: name for name, words in _ABROAD.items() for word in words.split()}


def advice(word: str) -> str | None:
    """What to do instead of a word; None for any other."""
    return _ADVICE.get(word)


def layer(word: str) -> Function | None:
    """The function of a module of torch.nn: relu for ReLU, mse_loss for MSELoss."""
    if not word[:1].isupper():
        return None
    snake = _CAPITAL.sub("_", word).lower()
    names = (_LAYERS.get(word, ""), word.lower(), snake, snake.removesuffix("_loss"))
    return next((row for name in names if (row := lookup(name)) is not None), None)


def abroad(word: str) -> str | None:
    """The function that a word means in another language, as sin by sen; None for any other."""
    return _ENGLISH.get(word.lower())
