"""The exchange's own pages for residents and clinicians.

Each portal is a SMART client of the exchange (https://hl7.org/fhir/smart-app-launch/): it signs the
person in through the authorization server and reads by the FHIR API with that person's access token.
"""
