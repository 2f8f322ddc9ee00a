"""The criteria of a conditional update, patch or delete. https://hl7.org/fhir/R4/http.html#cond-update"""

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from hie.errors import problem
from hie.rest.negotiate import FORM_PARAMETERS


def criteria(request: Request) -> str:
    """The criteria in the request's address, as sent; empty if there are none."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in FORM_PARAMETERS])


def require_no_criteria(request: Request) -> None:
    """Problem 400 for parameters in the address of a create, or of one resource that is to be changed.

    Some servers take them for conditions. Left aside silently, they would make a second resource of
    what is already there, or change what was meant to be left alone.
    """
    foreign = sorted(set(request.query_params) - FORM_PARAMETERS)
    if foreign:
        creates = request.method == "POST"
        header = "If-None-Exist" if creates else "If-Match"
        raise problem(
            400,
            "invalid",
            f"A {'create' if creates else 'change of one resource'} takes no parameters such as "
            f"'{foreign[0][:80]}'; for a condition send {header}",
            f"{'创建' if creates else '修改单个资源的'}操作不接受参数“{foreign[0][:80]}”；条件请使用 {header}",
            foreign[0][:80],
        )
