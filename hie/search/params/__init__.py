"""One module for each type of search parameter; each owns what is extracted and what is asked.

https://hl7.org/fhir/R4/search.html#ptypes
"""
