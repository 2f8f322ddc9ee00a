"""A GraphQL request read and checked before anything is looked up. https://spec.graphql.org/October2021/

Parsing is graphql-core's. There is no schema to validate against: fields are checked against the
definitions of R4 while they are selected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, Source, Undefined, parse, value_from_ast_untyped
from graphql.language import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
)

from hie.errors import Problem, problem

TOKENS = 5000
DEEPEST = 25
"""Levels of fields, fragments included; so that fragments cannot spread themselves for ever."""


def refused(en: str, zh: str, path: str | None = None) -> Problem:
    """A request that cannot be carried out as written."""
    return problem(400, "invalid", en, zh, path)


@dataclass(frozen=True, slots=True)
class Field:
    """One field to select; selections of the same response key have been merged."""

    key: str
    name: str
    arguments: Mapping[str, Any]
    directives: Mapping[str, Mapping[str, Any]]
    selections: tuple[SelectionSetNode, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One operation of a request, with its fragments and the values of its variables."""

    selections: SelectionSetNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def fields(self, sets: Sequence[SelectionSetNode], type_name: str) -> list[Field]:
        """The fields selected of a value of this type. Problem 400 where the request contradicts itself.

        https://spec.graphql.org/October2021/#CollectFields()
        """
        nodes: dict[str, list[FieldNode]] = {}
        for selection in sets:
            self._collect(selection, type_name, nodes, depth=0)
        return [self._merged(key, found) for key, found in nodes.items()]

    def _collect(
        self,
        selections: SelectionSetNode,
        type_name: str,
        nodes: dict[str, list[FieldNode]],
        *,
        depth: int,
    ) -> None:
        if depth > DEEPEST:
            raise refused("Fragments are nested too deeply", "片段嵌套过深")
        for node in selections.selections:
            if not self._included(node.directives):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                nodes.setdefault(key, []).append(node)
                continue
            inner: FragmentDefinitionNode | InlineFragmentNode
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in self.fragments:
                    raise refused(f"There is no fragment '{name}'", f"没有片段“{name}”")
                inner = self.fragments[name]
            elif isinstance(node, InlineFragmentNode):
                inner = node
            else:
                raise TypeError(type(node))
            condition = inner.type_condition
            if condition is None or condition.name.value in (type_name, "Resource"):
                self._collect(inner.selection_set, type_name, nodes, depth=depth + 1)

    def _merged(self, key: str, nodes: list[FieldNode]) -> Field:
        first = nodes[0]
        arguments = self._arguments(first)
        for other in nodes[1:]:
            same = other.name.value == first.name.value and self._arguments(other) == arguments
            if not same:
                raise refused(
                    f"'{key}' is selected twice in different ways; give one of them an alias",
                    f"“{key}”被以不同方式选择了两次；请为其中之一使用别名",
                    key,
                )
        return Field(
            key,
            first.name.value,
            arguments,
            {one.name.value: self._arguments(one) for one in first.directives or ()},
            tuple(node.selection_set for node in nodes if node.selection_set),
        )

    def _arguments(self, node: FieldNode | DirectiveNode) -> dict[str, Any]:
        """The values given; an argument whose variable has none is as if it were not there.

        https://spec.graphql.org/October2021/#CoerceArgumentValues()
        """
        values = {one.name.value: self._value(one.value) for one in node.arguments or ()}
        return {name: value for name, value in values.items() if value is not Undefined}

    def _value(self, node: ValueNode) -> Any:
        return value_from_ast_untyped(node, dict(self.variables))

    def _included(self, directives: Sequence[DirectiveNode] | None) -> bool:
        """https://spec.graphql.org/October2021/#sec--skip and `@include`."""
        for one in directives or ():
            name = one.name.value
            if name in ("skip", "include"):
                condition = self._arguments(one).get("if")
                if not isinstance(condition, bool):
                    raise refused(
                        f"@{name} needs 'if' to be true or false", f"@{name} 的 if 必须为布尔值"
                    )
                if condition is (name == "skip"):
                    return False
        return True


def read_document(
    query: str, *, operation: str | None = None, variables: Mapping[str, Any] | None = None
) -> Document:
    """The operation to carry out. Problem 400 if the text is no GraphQL query, or names no operation."""
    try:
        parsed = parse(Source(query), no_location=True, max_tokens=TOKENS)
    except GraphQLError as error:
        at = error.locations[0] if error.locations else None
        where = f" (line {at.line}, column {at.column})" if at else ""
        raise refused(
            f"{error.message}{where}", f"GraphQL 语法错误：{error.message}{where}"
        ) from error
    except RecursionError as error:
        raise refused("The query is nested too deeply", "查询嵌套过深") from error
    operations = {
        node.name.value if node.name else None: node
        for node in parsed.definitions
        if isinstance(node, OperationDefinitionNode)
    }
    fragments = {
        node.name.value: node
        for node in parsed.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    chosen = operations.get(operation)
    if chosen is None and operation is None and len(operations) == 1:
        [chosen] = operations.values()
    if chosen is None:
        names = ", ".join(name or "(unnamed)" for name in operations) or "none"
        raise refused(
            f"Name the operation to carry out; there are: {names}",
            f"请指定要执行的操作；现有：{names}",
        )
    if chosen.operation is not OperationType.QUERY:
        raise refused("Only queries are carried out here", "此处只执行查询（query）")
    return Document(chosen.selection_set, fragments, _given(chosen, variables or {}))


def _given(operation: OperationDefinitionNode, sent: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in operation.variable_definitions or ():
        name = one.variable.name.value
        if name in sent:
            values[name] = sent[name]
        elif one.default_value is not None:
            values[name] = value_from_ast_untyped(one.default_value)
        elif isinstance(one.type, NonNullTypeNode):
            raise refused(f"The variable ${name} has no value", f"变量 ${name} 没有值")
    return values
