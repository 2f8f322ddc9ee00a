"""FHIR in XML, in and out, without loss against JSON. https://hl7.org/fhir/R4/xml.html"""

from hie.fhir.xml.markup import FhirXmlError
from hie.fhir.xml.reading import to_json
from hie.fhir.xml.writing import to_xml

__all__ = ["FhirXmlError", "to_json", "to_xml"]
