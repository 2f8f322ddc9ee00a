"""Who may see and change what: a caller's token, the records opened to a clinician, and the policy
that turns both into a restriction of every query. https://hl7.org/fhir/smart-app-launch/STU2.2/"""
