"""The Parameters that an operation is called with. https://hl7.org/fhir/R4/parameters.html"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from hie.errors import problem
from hie.fhir.json_text import read_json
from hie.fhir.references import parse_reference
from hie.rest.body import read_body
from hie.rest.negotiate import require_fhir_body
from hie.rest.zero_character import no_text

LARGEST_PARAMETERS = 256 * 1024
BEYOND = 2**31


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by name, each in the order given. Every method raises Problem 400 for bad input."""

    values: Mapping[str, list[dict[str, Any]]]

    def resource(self, name: str) -> dict[str, Any] | None:
        """The resource given under this name."""
        given = self._only(name)
        if given is None:
            return None
        found = given.get("resource")
        if not isinstance(found, dict):
            raise _wrong(name, "a resource", "一个资源")
        return found

    def text(self, name: str) -> str:
        """The value of a code, string, uri or id; "" if it is not given."""
        value = self._value(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _wrong(name, "text", "文本")
        return _without_zero(name, value)

    def texts(self, name: str) -> list[str]:
        """The values of a repeated code or string, in the order given."""
        found = [
            next((value for key, value in given.items() if key.startswith("value")), None)
            for given in self.values.get(name, [])
        ]
        if not all(isinstance(value, str) for value in found):
            raise _wrong(name, "text", "文本")
        return [_without_zero(name, str(value)) for value in found]

    def truth(self, name: str) -> bool:
        """The value of a boolean; false if it is not given."""
        value = self._value(name)
        if value not in (None, True, False):
            raise _wrong(name, "true or false", "布尔值")
        return bool(value)

    def number(self, name: str) -> int | None:
        """The value of an integer, which has 32 bits: https://hl7.org/fhir/R4/datatypes.html#integer"""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not -BEYOND <= value < BEYOND:
            raise _wrong(name, f"a whole number below {BEYOND}", f"小于 {BEYOND} 的整数")
        return value

    def patient(self, name: str) -> str:
        """The id of the Patient that a reference names. It is required."""
        value = self._value(name)
        reference = value.get("reference") if isinstance(value, dict) else value
        kind, _, logical_id = str(reference or "").rpartition("Patient/")
        possible = parse_reference(f"Patient/{logical_id}").id == logical_id
        if not possible or kind.strip("/").endswith("Patient"):
            raise _wrong(name, "a reference such as Patient/123", "形如 Patient/123 的引用")
        return logical_id

    def _only(self, name: str) -> dict[str, Any] | None:
        given = self.values.get(name, [])
        if len(given) > 1:
            raise _wrong(name, "given once", "只出现一次")
        return given[0] if given else None

    def _value(self, name: str) -> Any:
        given = self._only(name)
        if given is None:
            return None
        return next((value for key, value in given.items() if key.startswith("value")), None)


def _without_zero(name: str, value: str) -> str:
    if "\0" in value:
        place = f"Parameters.parameter.where(name='{name}')"
        raise no_text(f"The parameter '{name}'", f"参数“{name}”", place)
    return value


def _wrong(name: str, en: str, zh: str) -> Exception:
    return problem(
        400,
        "invalid",
        f"The parameter '{name}' must be {en}",
        f"参数“{name}”应为{zh}",
        f"Parameters.parameter.where(name='{name}')",
    )


def _structure() -> Exception:
    return problem(
        400,
        "structure",
        "Send a Parameters resource: parameters with a name and a value or resource",
        "请发送 Parameters 资源：每个参数包含名称及取值或资源",
        "Parameters",
    )


async def read_resource(request: Request) -> dict[str, Any]:
    """The JSON resource in the body. Problem 400, 413 or 415."""
    require_fhir_body(request)
    text = await read_body(request, LARGEST_PARAMETERS)
    sent = read_json(text)
    if not isinstance(sent, dict):
        raise _structure()
    return sent


def parameters_of(resource: Mapping[str, Any], known: Iterable[str]) -> Parameters:
    """The content of a Parameters resource. Problem 400 if it holds any but the `known` names."""
    given = resource.get("parameter", [])
    if resource.get("resourceType") != "Parameters" or not isinstance(given, list):
        raise _structure()
    values: dict[str, list[dict[str, Any]]] = {}
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise _structure()
        values.setdefault(one["name"], []).append(one)
    names = sorted(known)
    if unknown := sorted(set(values) - set(names)):
        raise problem(
            400,
            "not-supported",
            f"The operation does not know '{unknown[0][:80]}'; it knows {', '.join(names)}",
            f"该操作不支持参数“{unknown[0][:80]}”；支持：{'、'.join(names)}",
            "Parameters.parameter.name",
        )
    return Parameters(values)


async def read_parameters(request: Request, *known: str) -> Parameters:
    """The Parameters in the body, which may hold the `known` names and no others."""
    return parameters_of(await read_resource(request), known)
