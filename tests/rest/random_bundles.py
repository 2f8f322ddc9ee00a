"""Random transactions, batches and messages. https://hl7.org/fhir/R4/http.html#transaction"""

from base64 import b64encode
from random import Random
from typing import Any
from urllib.parse import urlencode

from random_headers import DATES, EXISTING, TAGS
from random_operations import OPERATIONS_IN_BUNDLES, Known, arguments, asked
from random_patches import fhirpath_patch, json_patch
from random_resources import Resources, changed
from random_searches import JUNK, Searches

Json = Any
REFERRING = ("subject", "patient", "performer", "encounter", "managingOrganization", "target")


class Bundles:
    """Draws Bundles whose entries have to do with each other and with what is stored."""

    def __init__(self, resources: Resources, searches: Searches, known: Known) -> None:
        self._resources = resources
        self._searches = searches
        self._known = known

    def draw(self, random: Random, types: tuple[str, ...]) -> Json:
        """A transaction or batch, now and then of another type."""
        count = random.choice((0, 1, 1, 2, 3, 4, 6))
        entries = [self._entry(random, number, count, types) for number in range(count)]
        kind = random.choice((*("transaction", "batch") * 8, "history", "searchset", "x", ""))
        bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
        return changed(random, bundle) if random.random() < 0.2 else bundle

    def _entry(self, random: Random, number: int, count: int, types: tuple[str, ...]) -> Json:
        method = random.choice(
            (*("POST",) * 5, *("PUT",) * 5, *("GET",) * 4, "DELETE", "PATCH", "PATCH", "HEAD", "x")
        )
        name = random.choice((*types, "Patient", "Observation"))
        resource = self._resources.draw(random, name)
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            name = resource["resourceType"]
            for key in REFERRING:
                if key in resource and random.random() < 0.5:
                    resource = {**resource, key: self._reference(random, count, resource[key])}
        query = urlencode(self._searches.query(random, name), errors="surrogateescape")
        request: Json = {"method": method, "url": name}
        entry: Json = {"request": request}
        about = random.choice(
            (f"{name}/b{number}", f"{name}/b{number}", f"{name}/p1", f"{name}?{query}")
        )
        if method == "POST":
            entry |= self._posted(random, name, query, resource)
        elif method in ("PUT", "PATCH", "DELETE"):
            request["url"] = about if method != "DELETE" else f"{name}/b{number}"
            if method == "PATCH":
                entry["resource"] = self._patch(random, name)
            elif method == "PUT":
                entry["resource"] = resource
                if isinstance(resource, dict) and "?" not in about:
                    entry["resource"] = {**resource, "id": about.rpartition("/")[2]}
        else:
            request["url"] = self._address(random, name, query)
        request = entry["request"]
        for header, values in (
            ("ifMatch", TAGS),
            ("ifNoneMatch", TAGS),
            ("ifModifiedSince", DATES),
        ):
            if random.random() < 0.08:
                request[header] = random.choice((*values, *JUNK[:20]))
        if random.random() < 0.8:
            entry["fullUrl"] = random.choice(
                (
                    *(f"urn:uuid:{number}",) * 4,
                    f"http://127.0.0.1:8080/fhir/{name}/b{number}",
                    "urn:oid:1.2.3",
                    "x",
                )
            )
        return entry

    def _posted(self, random: Random, name: str, query: str, resource: Json) -> Json:
        """A create, or an operation."""
        request: Json = {"method": "POST", "url": name}
        if random.random() < 0.25:
            request["ifNoneExist"] = random.choice((*EXISTING, query, f"{name}?{query}"))
        if random.random() > 0.15:
            return {"request": request, "resource": resource}
        url = random.choice(OPERATIONS_IN_BUNDLES)
        code = url.rpartition("$")[2]
        sent = arguments(random, url, code, self._resources, self._known)
        return {"request": {**request, "url": url}, "resource": sent}

    def _address(self, random: Random, name: str, query: str) -> str:
        """What to read."""
        person = self._known.person(random)
        often = (f"{name}/p1", f"{name}?{query}", f"Patient/{person}/{name}?{query}")
        history = (f"{name}/p1/_history", f"{name}/p1/_history/1", f"{name}/_history", "_history")
        operation = f"{name}/{asked(random, self._known)}"
        return random.choice((*often * 3, *history, operation, f"?{query}", ""))

    def _patch(self, random: Random, name: str) -> Json:
        resource = self._resources.whole(random, name)
        if random.random() < 0.5:
            return fhirpath_patch(random, resource)
        media_type, text = json_patch(random, resource)
        return {
            "resourceType": "Binary",
            "contentType": media_type,
            "data": b64encode(text).decode(),
        }

    def _reference(self, random: Random, count: int, before: Json) -> Json:
        there = random.choice(
            (
                *(f"urn:uuid:{random.randrange(count + 1)}",) * 4,
                *("Patient/p1", "Patient?identifier=x|1", "Patient?_id=p1", "Patient?name=", "#x"),
                *(
                    "Patient/p1/_history/1",
                    "http://127.0.0.1:8080/fhir/Patient/p1",
                    "Patient?",
                    "x y",
                ),
            )
        )
        return [{"reference": there}] if isinstance(before, list) else {"reference": there}

    def message(self, random: Random) -> Json:
        """A message of the patient identity feed. https://profiles.ihe.net/ITI/PMIR/ITI-93.html"""
        entries = []
        for number in range(random.choice((1, 1, 2, 3))):
            method = random.choice(("POST", "PUT", "PUT", "DELETE", "GET"))
            logical_id = f"f{number}"
            patient = self._resources.draw(random, "Patient", logical_id)
            if random.random() < 0.3 and isinstance(patient, dict):
                other = random.choice(("Patient/f0", "Patient/f1", "Patient/p1", "Patient/nothing"))
                kind = random.choice(("replaced-by", "replaces", "seealso"))
                patient = {**patient, "link": [{"other": {"reference": other}, "type": kind}]}
            url = "Patient" if method == "POST" else f"Patient/{logical_id}"
            entry: Json = {
                "fullUrl": f"http://example.com/fhir/{url}",
                "request": {"method": method, "url": url},
                "response": {"status": "200"},
            }
            entries.append({**entry, "resource": patient} if method != "DELETE" else entry)
        inner = {"resourceType": "Bundle", "id": "inner", "type": "history", "entry": entries}
        header = {
            "resourceType": "MessageHeader",
            "id": "header",
            "eventUri": "urn:ihe:iti:pmir:2019:patient-feed",
            "source": {"endpoint": "http://example.com/source"},
            "destination": [{"endpoint": "http://example.com/destination"}],
            "focus": [{"reference": "Bundle/inner"}],
        }
        message = {
            "resourceType": "Bundle",
            "type": "message",
            "entry": [
                {"fullUrl": "http://example.com/fhir/MessageHeader/header", "resource": header},
                {"fullUrl": "http://example.com/fhir/Bundle/inner", "resource": inner},
            ],
        }
        return changed(random, message) if random.random() < 0.4 else message
