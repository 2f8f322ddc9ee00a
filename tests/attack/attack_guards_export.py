"""Guards of bulk exports: by name what is switched off, the probe that has to fail, its arguments."""

from typing import Any

import test_attack_export as export

from hie.access import export as exports
from hie.search.sql import TRUE

_OWN = "client = %(client)s AND institution IS NOT DISTINCT FROM %(institution)s"
_ANYBODYS = "%(client)s IS NOT NULL AND (%(institution)s::int IS NULL OR true)"

OFF: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    (
        "an export is its client's",
        {"hie.access.export.SELECT": exports.SELECT.replace(_OWN, _ANYBODYS)},
        export.test_another_clients_export_is_not_there,
        {},
    ),
    (
        "an export is deleted by its client",
        {"hie.access.export.DELETE": exports.DELETE.replace(_OWN, _ANYBODYS)},
        export.test_another_clients_export_is_not_there,
        {},
    ),
    (
        "exports are for backend services",
        {
            "hie.rest.export.require_exporting": lambda *_: None,
            "hie.records.export.require_exporting": lambda *_: None,
        },
        export.test_no_person_exports,
        {"login": "doctor", "scope": "user/*.rs"},
    ),
    (
        "files hold what the caller may see",
        {"hie.records.export.permitted": lambda *_: TRUE},
        export.test_an_institution_exports_what_it_sent_and_nothing_else,
        {},
    ),
    (
        "named patients must be there to see",
        {"hie.records.export.condition": lambda *_: ("true", {})},
        export.test_naming_foreign_patients_reaches_nobody,
        {},
    ),
]
