"""FHIR GraphQL: what a client selects of a resource, and nothing more. https://hl7.org/fhir/R4/graphql.html"""
