"""Addresses of exports and their files that are wrong at one place: gone or refused, never a failure.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html#file-request
"""

import httpx
import orjson
from broken import broken
from test_rest_export import kick_off, manifest, put

INSTEAD = (b"%ff", b"%00", b"%0a", b"%", b"9" * 30)


async def test_files_under_broken_names(client) -> None:
    sender = await client("institution", institution="A")
    await put(sender, {"resourceType": "Patient", "id": "p", "name": [{"text": "张伟"}]})
    place = await kick_off(sender)
    url = (await manifest(sender, place))["output"][0]["url"]
    for whole in (place, url):
        start = whole.index("$export-files/") + len("$export-files/")
        for text in broken(whole[start:].encode(), places=10, instead=INSTEAD):
            if place.endswith(text.decode().rstrip("/")):
                continue  # cut off where the export's own address ends
            for method in ("GET", "DELETE"):
                answer = await _ask(sender, method, whole[:start] + text.decode())
                assert answer.status_code in (400, 403, 404, 405), (method, text, answer.text)
                assert orjson.loads(answer.content)["resourceType"] == "OperationOutcome"
    assert (await sender.get(url)).status_code == 200


async def _ask(sender: httpx.AsyncClient, method: str, address: str) -> httpx.Response:
    return await sender.request(method, address)
