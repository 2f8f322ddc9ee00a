"""Chinese or English: what the reader chose, else what the browser asks for, else Chinese.

Accept-Language: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4
"""

from starlette.requests import Request

COOKIE = "hie-language"
LANGUAGES = ("zh", "en")
ONE_YEAR = 365 * 24 * 3600


def accepted(header: str) -> str:
    """The language among `LANGUAGES` that an Accept-Language header likes best; Chinese if none."""
    best, best_weight = "zh", 0.0
    for part in header.split(","):
        tag, _, parameter = part.strip().partition(";")
        name = tag.strip().lower().split("-")[0]
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if name in LANGUAGES and weight > best_weight:
            best, best_weight = name, weight
    return best


def language_of(request: Request) -> str:
    """ "zh" or "en" for this request."""
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else accepted(request.headers.get("accept-language", ""))
