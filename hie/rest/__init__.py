"""The FHIR REST interface: plain Starlette routes that return stored bytes. https://hl7.org/fhir/R4/http.html"""
