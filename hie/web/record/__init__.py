"""Pure: FHIR R4 resources, as parsed JSON, turned into what the pages show. No SQL, no web."""
