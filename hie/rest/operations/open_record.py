"""POST [base]/Patient/[id]/$open-record: a clinician states a reason and may then read the record.

An operation of this exchange. In: Parameters with `reason` (code) and `note` (string); out:
Parameters with `until` (instant). Purposes: http://terminology.hl7.org/ValueSet/v3-PurposeOfUse
"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.access.opened_record import open_record
from hie.errors import problem
from hie.kit.clock import instant
from hie.mpi.people import linked
from hie.records.disclosure import opened
from hie.records.fetch import fetch, missing
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.operations.parameters import read_parameters
from hie.rest.respond import answer


async def open_patient_record(request: Request) -> Response:
    """Open the person's record to the calling clinician for a while."""
    caller = await authenticate(request)
    if caller.kind != "staff" or caller.account is None:
        raise problem(
            403,
            "forbidden",
            "Only a clinician opens a record with a reason",
            "只有医务人员可以说明理由后调阅档案",
        )
    exchange = exchange_of(request)
    patient = request.path_params["id"]
    await fetch(exchange, caller, "Patient", patient)
    sent = await read_parameters(request, "reason", "note")
    async with exchange.store.database.transaction() as connection:
        if patient not in await linked(connection, [patient]):
            raise missing("Patient", patient)
        opening = await open_record(
            connection,
            account=caller.account,
            client_id=caller.client_id,
            patient=patient,
            reason=sent.text("reason"),
            note=sent.text("note"),
        )
        await opened(connection, exchange, caller, patient, opening)
    answer_body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "reason", "valueCode": opening.reason},
            {"name": "until", "valueInstant": instant(opening.until)},
        ],
    }
    return answer(request, orjson.dumps(answer_body))
