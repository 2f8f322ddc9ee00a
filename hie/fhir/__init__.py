"""The pure FHIR R4 core: values in, values out, no SQL and no web. https://hl7.org/fhir/R4/"""
