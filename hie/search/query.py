"""The tree that a search is parsed into. https://hl7.org/fhir/R4/search.html

Nodes say what is asked in the standard's terms; nothing in them knows of tables.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import urlencode

from hie.search.parameters import Parameter, patient_parameters


@dataclass(frozen=True, slots=True)
class TokenValue:
    """`code`, `system|code`, `|code` (system is "") or `system|` (code is None)."""

    system: str | None
    code: str | None
    type: tuple[str, str] | None = None
    """With `:of-type`: system and code of the identifier's type."""


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """`Type/id`, an id alone (type is None), or an absolute or canonical address."""

    type: str | None
    id: str | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class DateValue:
    """The range that the text stands for, with the prefix of the comparison."""

    prefix: str
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class StringValue:
    """Text as the caller wrote it."""

    text: str


@dataclass(frozen=True, slots=True)
class UriValue:
    """An address, compared exactly."""

    url: str


@dataclass(frozen=True, slots=True)
class NumberValue:
    """A number with the range of its implicit precision."""

    prefix: str
    exact: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number and a unit: system and code, or a code or unit in any system, or any unit."""

    number: NumberValue
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class PositionValue:
    """A circle on the earth: degrees, and its radius."""

    latitude: float
    longitude: float
    kilometres: float


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """One value for each part, in order."""

    parts: tuple["Value", ...]


Value = (
    TokenValue
    | ReferenceValue
    | DateValue
    | StringValue
    | UriValue
    | NumberValue
    | QuantityValue
    | PositionValue
    | CompositeValue
)


@dataclass(frozen=True, slots=True)
class Match:
    """The parameter has any of the values."""

    parameter: Parameter
    modifier: str
    values: tuple[Value, ...]
    asked: str = field(default="", compare=False)
    """The name that was sent, with the chain before it: what a refusal of the values names."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether the parameter has no value at all."""

    parameter: Parameter
    missing: bool


@dataclass(frozen=True, slots=True)
class Ids:
    """`_id`: the resource is of one of the types and its own id is one of these."""

    types: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InCompartment:
    """The resource belongs to the compartment of one of the patients."""

    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InList:
    """`_list`: a stored List names the resource."""

    id: str


@dataclass(frozen=True, slots=True)
class FullText:
    """`_text` or `_content`: the resource has all words of one of the alternatives."""

    name: str
    alternatives: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """The reference parameter points to a resource of `type` for which `node` holds."""

    parameter: Parameter
    type: str
    node: "Node"


@dataclass(frozen=True, slots=True)
class Has:
    """Some resource for which `node` holds points here by its reference parameter."""

    parameter: Parameter
    node: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """`node` does not hold."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class All:
    """Every node holds."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of the nodes holds."""

    nodes: tuple["Node", ...]


Node = Match | Missing | Ids | InCompartment | InList | FullText | Chain | Has | Not | All | Any


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of `_sort`."""

    parameter: Parameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` or `_revinclude`: references of some parameters of `source`.

    `source` None stands for any type, `code` None for all parameters (`*`).
    """

    source: str | None
    code: str | None
    target: str | None
    iterate: bool
    reverse: bool


Total = Literal["none", "estimate", "accurate"]
Inside = Literal["false", "true", "both"]
"""`_contained`: whether resources that others contain are searched."""
Shown = Literal["container", "contained"]
"""`_containedType`: what is given for one that matches."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What a search asks of resources of one type."""

    type: str
    where: All
    sort: tuple[Sort, ...] = ()

    @property
    def names_patient(self) -> bool:
        """Whether only the rows of certain patients can match."""
        codes = patient_parameters(self.type)
        return any(
            isinstance(node, InCompartment)
            or (
                isinstance(node, Match)
                and node.parameter.code in codes
                and all(
                    isinstance(value, ReferenceValue) and value.type == "Patient"
                    for value in node.values
                )
            )
            for node in self.where.nodes
        )


@dataclass(frozen=True, slots=True)
class Query:
    """A whole search: on one type, or on several with a branch for each."""

    path: str
    """Where it was asked: `Patient`, `Patient/1/Observation`, empty for the whole system."""
    branches: tuple[Branch, ...]
    count: int
    total: Total
    includes: tuple[Include, ...]
    applied: tuple[tuple[str, str], ...]
    """The parameters that were understood, as sent: for the `self` link."""
    ignored: tuple[str, ...]
    """With lenient handling: names of the parameters that were dropped."""
    contained: Inside = "false"
    contained_type: Shown = "container"

    @property
    def type(self) -> str | None:
        """The type searched, None if there are several."""
        return self.branches[0].type if len(self.branches) == 1 else None

    @property
    def names_patient(self) -> bool:
        """Whether the search is on the rows of certain patients."""
        return all(branch.names_patient for branch in self.branches)


def applied_url(query: Query) -> str:
    """The path with the parameters that were understood, in the order sent: the `self` link.

    https://hl7.org/fhir/R4/search.html#conformance
    """
    text = urlencode(query.applied, safe=":,|$*/-")
    return f"{query.path}?{text}" if text else query.path
