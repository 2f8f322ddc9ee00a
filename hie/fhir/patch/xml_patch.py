"""XML Patch. https://www.rfc-editor.org/rfc/rfc5261

Operations are carried out on the resource's XML by XPath 1.0; `f:` is FHIR's namespace and `h:`
XHTML's, and a patch may declare more. An operation's `sel` names its
node, `type` what an addition becomes, `pos` where it goes.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from lxml import etree

from hie.errors import Problem, problem
from hie.fhir.encoding import not_utf_8
from hie.fhir.xml import FhirXmlError, to_json, to_xml
from hie.kit import exact

NAMESPACES = {"f": "http://hl7.org/fhir", "h": "http://www.w3.org/1999/xhtml"}
MOST_OPERATIONS = 1000
LONGEST_SELECTOR = 500
MOST_PREDICATES = 10
Element = Any
"""An lxml element, comment or processing instruction."""


def apply_xml_patch(resource: dict[str, object], patch: bytes) -> object:
    """The resource after all operations; Problem 400 for a bad patch, 422 if it does not fit."""
    try:
        document = to_xml(exact.dumps(resource))
    except ValueError as error:
        raise problem(
            422,
            "not-supported",
            f"This resource cannot be patched as XML: {error}; send a JSON Patch or FHIRPath Patch",
            f"此资源无法以 XML 修改：{error}；请使用 JSON Patch 或 FHIRPath Patch",
        ) from error
    changed = patched_xml(document, patch)
    try:
        result = exact.loads(to_json(changed))
    except FhirXmlError as error:
        raise problem(
            422,
            "structure",
            f"After the patch this would not be FHIR: {error.en}",
            f"应用补丁后不再符合 FHIR：{error.zh}",
            error.path,
        ) from error
    # XML has its own order of elements; what was there keeps its place.
    return {**{key: result[key] for key in resource if key in result}, **result}


def patched_xml(document: bytes, patch: bytes) -> bytes:
    """Any XML document after all operations of a patch. Problem as for `apply_xml_patch`."""
    tree = _parsed(document)
    operations = [one for one in _parsed(patch).getroot() if isinstance(one.tag, str)]
    if not 0 < len(operations) <= MOST_OPERATIONS:
        raise _bad(f"a patch has 1 to {MOST_OPERATIONS} operations")
    for operation in operations:
        name = etree.QName(operation).localname
        if name not in OPERATIONS:
            raise _bad(f"<{name}> is not add, replace or remove")
        OPERATIONS[name](tree, operation, _selected(tree, operation))
    return etree.tostring(tree, encoding="utf-8")


def _parsed(text: bytes) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        tree: Any = etree.ElementTree(etree.fromstring(text, parser))
    except etree.XMLSyntaxError as error:
        encoding = not_utf_8(text)
        if encoding is not None:
            raise problem(400, "structure", *encoding) from error
        raise _bad(str(error)) from error
    if tree.docinfo.doctype:
        raise _bad("a DOCTYPE is not allowed")
    return tree


def _selected(tree: Any, operation: Element) -> Any:
    """The one node that `sel` names: an element, a comment, or a text or attribute with its parent."""
    selector = operation.get("sel", "")
    if not selector or len(selector) > LONGEST_SELECTOR or selector.count("[") > MOST_PREDICATES:
        raise _bad(f"'sel' is missing, or not as short and simple as it must be: {selector[:80]}")
    declared = {prefix: uri for prefix, uri in operation.nsmap.items() if prefix}
    path = selector if selector.startswith("/") else f"/{selector}"
    try:
        evaluate = etree.XPath(path, namespaces={**NAMESPACES, **declared}, regexp=False)
        found = evaluate(tree)
    except etree.XPathError as error:
        raise _bad(f"'{selector}': {error}") from error
    if not isinstance(found, list) or len(found) != 1:
        number = len(found) if isinstance(found, list) else "no node but a value"
        raise _unfit(f"'{selector}' finds {number}; one node is needed")
    return found[0]


def _add(tree: Any, operation: Element, target: Any) -> None:
    kind = operation.get("type", "")
    if not etree.iselement(target):
        raise _unfit("things are added to elements only")
    if kind.startswith("@"):
        if kind[1:] in target.attrib:
            raise _unfit(f"there is an attribute {kind[1:]} already")
        target.set(kind[1:], operation.text or "")
        return
    if kind.startswith("namespace::"):
        _declare(tree, target, kind.removeprefix("namespace::"), operation.text or "")
        return
    position = operation.get("pos", "append")
    nodes = [deepcopy(one) for one in operation]
    for one in nodes:
        one.tail = None
    if position in ("before", "after"):
        if target.getparent() is None:
            raise _unfit("nothing can stand beside the root")
        for one in nodes if position == "before" else reversed(nodes):
            getattr(target, "addprevious" if position == "before" else "addnext")(one)
        return
    if position not in ("append", "prepend"):
        raise _bad(f"pos='{position}' is not before, after or prepend")
    if operation.text and operation.text.strip():
        target.text = (target.text or "") + operation.text
    place = len(target) if position == "append" else 0
    target[place:place] = nodes


def _declare(tree: Any, target: Element, prefix: str, uri: str) -> None:
    """Put a namespace declaration on an element: lxml can do so only on a new one."""
    if prefix in target.nsmap:
        raise _unfit(f"the prefix {prefix} is declared already")
    renewed = etree.Element(target.tag, target.attrib, nsmap={**target.nsmap, prefix: uri})
    renewed.text, renewed.tail = target.text, target.tail
    renewed[:] = target[:]
    parent = target.getparent()
    if parent is None:
        tree._setroot(renewed)
    else:
        parent.replace(target, renewed)


def _replace(_tree: Any, operation: Element, target: Any) -> None:
    if not etree.iselement(target):
        _set_value(target, operation.text or "")
        return
    nodes = list(operation)
    parent = target.getparent()
    if len(nodes) != 1 or parent is None:
        raise _bad("an element is replaced by exactly one, and never the root")
    renewed = deepcopy(nodes[0])
    renewed.tail = target.tail
    parent.replace(target, renewed)


def _remove(_tree: Any, _operation: Element, target: Any) -> None:
    if not etree.iselement(target):
        _set_value(target, None)
        return
    parent = target.getparent()
    if parent is None:
        raise _unfit("the root cannot be removed")
    # The text behind the node belongs to its parent and stays.
    before = target.getprevious()
    if target.tail:
        if before is None:
            parent.text = (parent.text or "") + target.tail
        else:
            before.tail = (before.tail or "") + target.tail
    parent.remove(target)


def _set_value(target: Any, value: str | None) -> None:
    """Set or remove an attribute or a text, which XPath gave as a string that knows its parent."""
    parent = target.getparent()
    if target.is_attribute:
        if value is None:
            del parent.attrib[target.attrname]
        else:
            parent.set(target.attrname, value)
    elif target.is_tail:
        parent.tail = value
    else:
        parent.text = value


OPERATIONS: dict[str, Callable[[Any, Element, Any], None]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}


def _bad(reason: str) -> Problem:
    return problem(
        400,
        "structure",
        f"Not an XML Patch: {reason[:300]}",
        f"不是合法的 XML Patch：{reason[:300]}",
    )


def _unfit(reason: str) -> Problem:
    return problem(
        422,
        "processing",
        f"The patch does not fit the resource: {reason[:300]}",
        f"补丁与资源不符：{reason[:300]}",
    )
