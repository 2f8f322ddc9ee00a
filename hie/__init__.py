"""Regional health records exchange: FHIR R4, SMART on FHIR and a master patient index."""
