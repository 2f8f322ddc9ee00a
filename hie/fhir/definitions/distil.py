"""Distils the official R4 package into the compact facts that ship with the wheel.

    python -m hie.fhir.definitions.distil hl7.fhir.r4.core-4.0.1.tgz

Source: the npm package hl7.fhir.r4.core 4.0.1 of HL7, licence CC0
(https://hl7.org/fhir/R4/downloads.html). Kept are paths, cardinalities, types, bindings, regular
expressions, invariants, search parameters and compartments; prose is left out. The same package
gives the same bytes.
"""

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

CORE = "http://hl7.org/fhir/StructureDefinition/"
REGEX = CORE + "regex"
FHIR_TYPE = CORE + "structuredefinition-fhir-type"
SYSTEM_TYPES = "http://hl7.org/fhirpath/System."
TARGET = Path(__file__).with_name("r4.json.zst")
# Value sets above this many codes are open registries in practice and are left to terminology.
LARGEST_CLOSED_SET = 1500
# Shown in the specification to illustrate SearchParameter; not parameters of R4.
ILLUSTRATIONS = re.compile(r".*/SearchParameter/example(-extension|-reference)?$")

Resource = dict[str, Any]


def read_package(path: Path) -> list[Resource]:
    """Every conformance resource of an npm package of FHIR definitions, in order of file name."""
    resources = {}
    with tarfile.open(path) as archive:
        for member in archive:  # in the archive's own order: going back would unpack it anew
            if re.fullmatch(r"package/[A-Z]\w+-[^/]+\.json", member.name):
                file = archive.extractfile(member)
                if file is not None:
                    resources[member.name] = json.load(file)
    return [resources[name] for name in sorted(resources)]


def distil(resources: list[Resource]) -> Resource:
    """The facts of all definitions, as one JSON-able dict; see `facts.py` for its readers."""
    structures = [
        each
        for each in resources
        if each["resourceType"] == "StructureDefinition"
        and each["kind"] != "logical"
        and each.get("derivation") != "constraint"
    ]
    code_systems = _by_url(resources, "CodeSystem")
    value_sets = _by_url(resources, "ValueSet")
    closed: dict[str, dict[str, list[str]] | None] = {}

    def closed_set(canonical: str) -> bool:
        url = canonical.partition("|")[0]
        if url not in closed:
            value_set = value_sets.get(url)
            closed[url] = expand(value_set, code_systems) if value_set else None
        return closed[url] is not None

    types: dict[str, Resource] = {}
    primitives: dict[str, Resource] = {}
    for structure in sorted(structures, key=lambda each: str(each["name"])):
        if structure["kind"] == "primitive-type":
            primitives[structure["name"]] = primitive(structure)
        else:
            types.update(structure_types(structure, closed_set))
    return {
        "version": "4.0.1",
        "resources": sorted(
            each["name"]
            for each in structures
            if each["kind"] == "resource" and not each["abstract"]
        ),
        "types": types,
        "primitives": primitives,
        "valueSets": {url: codes for url, codes in sorted(closed.items()) if codes},
        "searchParameters": search_parameters(resources),
        "compartments": compartments(resources),
    }


def _by_url(resources: list[Resource], resource_type: str) -> dict[str, Resource]:
    return {each["url"]: each for each in resources if each["resourceType"] == resource_type}


def primitive(structure: Resource) -> Resource:
    """Base type, regular expression and limits of a primitive datatype."""
    name = structure["name"]
    facts: Resource = {"base": structure["baseDefinition"].removeprefix(CORE)}
    for element in structure["snapshot"]["element"]:
        if element["path"] != f"{name}.value":
            continue
        for extension in element["type"][0].get("extension", []):
            if extension["url"] == REGEX:
                facts["regex"] = extension["valueString"]
        for limit in ("minValueInteger", "maxValueInteger", "maxLength"):
            if limit in element:
                facts[limit] = element[limit]
    return facts


def structure_types(structure: Resource, closed_set: Any) -> Iterator[tuple[str, Resource]]:
    """One entry for the type and one for each of its inline (backbone) elements."""
    elements = structure["snapshot"]["element"]
    parents = {each["path"].rpartition(".")[0] for each in elements}
    found: dict[str, Resource] = {}
    for element in elements:
        path = element["path"]
        invariants = [
            [each["key"], each["severity"], each["expression"]]
            for each in element.get("constraint", [])
            if each.get("source", structure["url"]) == structure["url"] and "expression" in each
        ]
        parent, _, name = path.rpartition(".")
        if not parent:
            base = structure.get("baseDefinition", "").removeprefix(CORE)
            found[path] = {"kind": structure["kind"], "base": base, "elements": {}}
            if invariants:
                found[path]["invariants"] = invariants
            continue
        if path in parents:
            found[path] = {"kind": "inline", "base": element["type"][0]["code"], "elements": {}}
        facts = element_facts(element, path in parents, closed_set)
        if invariants:
            facts["invariants"] = invariants
        found[parent]["elements"][name] = facts
    yield from found.items()


def element_facts(element: Resource, inline: bool, closed_set: Any) -> Resource:
    """Cardinality, types, reference targets and closed binding of one element."""
    facts: Resource = {}
    if element["min"]:
        facts["min"] = element["min"]
    if element["max"] != "1":
        facts["max"] = element["max"]
    if inline:
        facts["types"] = [element["path"]]
    elif "contentReference" in element:
        facts["types"] = [element["contentReference"].rpartition("#")[2]]
    else:
        facts["types"] = [_type_name(element, each) for each in element["type"]]
    targets = sorted(
        {
            profile.removeprefix(CORE)
            for each in element.get("type", [])
            if each["code"] == "Reference"
            for profile in each.get("targetProfile", [])
        }
    )
    if targets and "Resource" not in targets:
        facts["targets"] = targets
    binding = element.get("binding", {})
    if binding.get("strength") == "required" and closed_set(binding.get("valueSet", "")):
        facts["codes"] = binding["valueSet"].partition("|")[0]
    for flag in ("Summary", "Modifier"):
        if element.get(f"is{flag}"):
            facts[flag.lower()] = True
    return facts


def _type_name(element: Resource, type_: Resource) -> str:
    code: str = type_["code"]
    if not code.startswith(SYSTEM_TYPES):
        return code
    if element["base"]["path"] == "Resource.id":
        return "id"  # the package says string; the specification's text and regex say id
    for extension in type_.get("extension", []):
        if extension["url"] == FHIR_TYPE:
            return str(extension["valueUrl"])
    raise ValueError(f"{element['path']}: no FHIR type beside {code}")


def expand(value_set: Resource, code_systems: dict[str, Resource]) -> dict[str, list[str]] | None:
    """The codes by system of a value set that only lists codes or takes whole known systems.

    None where it cannot be listed from the package: filters, imports, foreign code systems.
    """
    compose = value_set.get("compose", {})
    if "exclude" in compose or "include" not in compose:
        return None
    codes: dict[str, list[str]] = {}
    for include in compose["include"]:
        if "filter" in include or "valueSet" in include:
            return None
        if "concept" in include:
            listed = [each["code"] for each in include["concept"]]
        else:
            system = code_systems.get(include["system"], {})
            if system.get("content") != "complete":
                return None
            listed = list(_all_codes(system.get("concept", [])))
        codes.setdefault(include["system"], []).extend(listed)
    if not 0 < sum(map(len, codes.values())) <= LARGEST_CLOSED_SET:
        return None
    return {system: sorted(set(listed)) for system, listed in sorted(codes.items())}


def _all_codes(concepts: list[Resource]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _all_codes(concept.get("concept", []))


def search_parameters(resources: list[Resource]) -> list[Resource]:
    """All search parameters; `number` is the position in the sorted list of their addresses."""
    by_url = sorted(_by_url(resources, "SearchParameter").items())
    found = []
    for number, (url, parameter) in enumerate(by_url):
        general = set(parameter.get("base", [])) & {"Resource", "DomainResource"}
        # A parameter without expression is described in prose only; of these, R4 itself defines
        # just the general ones (_text, _content, _filter, _query), the rest are drafts.
        if ILLUSTRATIONS.match(url) or not ("expression" in parameter or general):
            continue
        facts: Resource = {
            "number": number,
            "url": url,
            "code": parameter["code"],
            "type": parameter["type"],
            "base": {
                base: branches(parameter.get("expression", ""), base) for base in parameter["base"]
            },
        }
        if "target" in parameter:
            facts["target"] = sorted(parameter["target"])
        if "component" in parameter:
            facts["component"] = [
                # one expression of the package misspells the datatype
                [each["definition"], each["expression"].replace("DateTime", "dateTime")]
                for each in parameter["component"]
            ]
        found.append(facts)
    return found


def branches(expression: str, base: str) -> str:
    """The part of a parameter's expression that concerns one of its base types.

    `Patient.name | Person.name` gives `Person.name` for Person. A branch that names no type at all
    (`name | alias`) gets the base put before it.
    """
    kept = []
    for branch in split_union(expression):
        leading = re.match(r"\(*([A-Z]\w*)\b", branch)
        if leading is None:
            kept.append(f"{base}.{branch}")
        elif leading[1] == base:
            kept.append(branch)
    return " | ".join(kept)


def split_union(expression: str) -> Iterator[str]:
    """The operands of a FHIRPath union, split at each `|` that is outside parentheses."""
    depth = start = 0
    for position, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            yield expression[start:position].strip()
            start = position + 1
    if expression[start:].strip():
        yield expression[start:].strip()


def compartments(resources: list[Resource]) -> dict[str, dict[str, list[str]]]:
    """Compartment → resource type → search parameter codes that put it there."""
    return {
        each["code"]: {
            member["code"]: member["param"] for member in each["resource"] if "param" in member
        }
        for each in resources
        if each["resourceType"] == "CompartmentDefinition" and each["id"] != "example"
    }


def main(package: Path, target: Path = TARGET) -> None:
    """Reads `package` and writes the facts to `target`."""
    facts = distil(read_package(package))
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    target.write_bytes(zstandard.ZstdCompressor(level=19).compress(text.encode()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
