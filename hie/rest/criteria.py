"""The criteria of a conditional update, patch or delete. https://hl7.org/fhir/R4/http.html#cond-update"""

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from hie.errors import problem
from hie.rest.negotiate import FORM_PARAMETERS
from hie.rest.subset import NAMES, subset_of

ABOUT_THE_ANSWER = FORM_PARAMETERS | NAMES
"""Parameters "for use with all of the interactions": https://hl7.org/fhir/R4/http.html#parameters"""


def criteria(request: Request) -> str:
    """The criteria in the request's address, as sent; empty if there are none.

    Problem 400 if the part of the answer that is asked for does not exist, as for `subset_of`.
    """
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    subset_of(pairs, request.path_params["type"])
    return urlencode([pair for pair in pairs if pair[0] not in ABOUT_THE_ANSWER])


def require_no_criteria(request: Request) -> None:
    """Problem 400 for parameters in the address of a create, or of one resource that is to be changed.

    Some servers take them for conditions. Left aside silently, they would make a second resource of
    what is already there, or change what was meant to be left alone. Also for the part of the answer
    that does not exist, as for `subset_of`.
    """
    if not request.scope["query_string"]:
        return
    subset_of(request.query_params.multi_items(), request.path_params["type"])
    foreign = sorted(set(request.query_params) - ABOUT_THE_ANSWER)
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
