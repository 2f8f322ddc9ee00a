"""HL7 version 2 over MLLP: framing, text, and the mapping to FHIR. https://www.hl7.org/implement/standards/product_brief.cfm?product_id=185

Rules of the mapping: HL7 Version 2 to FHIR, https://hl7.org/fhir/uv/v2mappings/
"""
