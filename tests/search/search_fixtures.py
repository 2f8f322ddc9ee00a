"""Loading resources for search tests with the index's own writing functions; types of the fixtures."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from hie.fhir.definitions import type_number
from hie.kit.clock import now
from hie.search.execute import Page
from hie.search.index import extract, write
from hie.store.open import Store
from hie.store.write import Version, change_numbers
from hie.store.write import write as write_versions

Load = Callable[..., Awaitable[None]]
Search = Callable[..., Awaitable[Page]]
Find = Callable[..., Awaitable[list[str]]]


async def load_resources(
    store: Store, resources: Sequence[dict[str, Any]], institution: int = 0
) -> None:
    """Store and index resources that have ids, as the write door does."""
    async with store.database.transaction() as connection:
        moment = now()
        keys = await change_numbers(connection, len(resources), moment)
        versions = []
        rows = []
        for key, resource in zip(keys, resources, strict=True):
            name = resource["resourceType"]
            indexed = extract(resource, store.hasher)
            patient_key = store.hasher(indexed.patient or f"{name}/{resource['id']}")
            versions.append(
                Version(
                    type=type_number(name),
                    id=resource["id"],
                    patient_key=patient_key,
                    key=key,
                    change=key,
                    version=1,
                    last_updated=moment,
                    institution=institution,
                    date_low=indexed.date_low,
                    date_high=indexed.date_high,
                    tokens=indexed.tokens,
                    dictionary=store.bodies.newest,
                    body=store.bodies.compress(orjson.dumps(resource)),
                    previous=None,
                )
            )
            rows.append((patient_key, key, type_number(name), indexed))
        await write_versions(connection, versions)
        await write(connection, rows)
