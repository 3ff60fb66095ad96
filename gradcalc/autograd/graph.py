"""The backward graph, and what torch says of tensors.

In: a program and its forward pass. Out: the graph's nodes, each with the step that it belongs to,
and a row for each tensor that has a name. Only torch's public attributes are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcalc.autograd.forward import Forward, numbers_of
from gradcalc.functions import torch
from gradcalc.program.program import Program
from gradcalc.results.report import GraphNode, TensorRow, nested


def origins_of(ran: Forward) -> dict[Any, int]:
    """For each node that some value's gradient arrives at, the value's number."""
    leaves = {
        _node_of(leaf): number
        for number, leaf in enumerate(ran.leaves)
        if leaf.requires_grad and leaf.is_leaf
    }
    return {**ran.nodes, **leaves}


def _node_of(tensor: Any) -> Any:
    """The node of the graph that a tensor's gradient arrives at."""
    # A leaf has no grad_fn; what is made of it leads to the node that adds up its gradient.
    return tensor.grad_fn or tensor.view_as(tensor).grad_fn.next_functions[0][0]


def walk(
    outputs: Sequence[tuple[Any, int]], origins: Mapping[Any, int]
) -> list[tuple[Any, int, list[Any]]]:
    """The nodes of the graph, depth first, each with the number of the value that it computes.

    A node that no step ends in belongs to the step that it leads to. The third of each are the
    nodes that it passes gradients on to.

    Args:
        outputs: Where to begin: tensors, with the numbers of their values.
        origins: The numbers of the values that nodes were made with.
    """
    visits: list[tuple[Any, int, list[Any]]] = []
    visited: set[Any] = set()
    todo = [(_node_of(output), number) for output, number in reversed(outputs)]
    while todo:
        node, parent = todo.pop()
        if node in visited:
            continue
        visited.add(node)
        number = origins.get(node, parent)
        # Asked once: each time, torch makes new objects for all of them.
        children = [child for child, _ in node.next_functions if child is not None]
        visits.append((node, number, children))
        todo += [(child, number) for child in reversed(children)]
    return visits


def graph_of(program: Program, ran: Forward) -> tuple[GraphNode, ...]:
    """The backward graph from the outputs, depth first, each node once."""
    visits = walk(list(zip(ran.outputs, program.outputs, strict=True)), origins_of(ran))
    ids = {node: place for place, (node, _, _) in enumerate(visits)}
    sources = program.sources
    return tuple(
        [
            GraphNode(
                place, type(node).__name__, sources[number], tuple([ids[c] for c in children])
            )
            for place, (node, number, children) in enumerate(visits)
        ]
    )


def named_values(program: Program) -> list[tuple[str, int]]:
    """The names given to values that have none, in order; a change in place gives no new one."""
    return [
        (statement.name, statement.numbers[0])
        for statement in program.statements
        if statement.name is not None and not _is_change(program, statement.numbers[0])
    ]


def _is_change(program: Program, number: int) -> bool:
    return number >= program.first_step and program.step(number).in_place


def tensor_rows(program: Program, ran: Forward) -> tuple[TensorRow, ...]:
    """What torch says of the inputs, of what the user named, and of the outputs."""
    rows = [*zip(program.names, ran.leaves, strict=True)]
    for name, number in named_values(program):
        value = ran.values[number]
        if isinstance(value, torch.Tensor):
            rows.append((name, value))
    told = {id(tensor) for _, tensor in rows}
    for number, output in zip(program.outputs, ran.outputs, strict=True):
        if id(output) not in told:
            alone = len(program.outputs) == 1
            text = program.canonical.rpartition("; ")[2] if alone else program.source(number)
            rows.append((text if alone else " ".join(text.split()), output))
    return tuple([_tensor_row(name, tensor) for name, tensor in rows])


def _tensor_row(name: str, tensor: Any) -> TensorRow:
    grad_fn = tensor.grad_fn
    # Asking a non-leaf that retains none for its gradient makes torch warn.
    held = tensor.grad if grad_fn is None or tensor.retains_grad else None
    return TensorRow(
        name=name,
        shape=tuple(tensor.shape),
        is_leaf=tensor.is_leaf,
        requires_grad=tensor.requires_grad,
        retains_grad=tensor.retains_grad,
        grad_fn=None if grad_fn is None else type(grad_fn).__name__,
        grad=None if held is None else nested(numbers_of(held), tuple(held.shape)),
    )
