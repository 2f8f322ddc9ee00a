"""Search as a compiler: parse, tree, rewrites, one emitter per parameter type. https://hl7.org/fhir/R4/search.html"""
