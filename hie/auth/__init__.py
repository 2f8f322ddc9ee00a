"""Authorization server: SMART App Launch 2.2. https://hl7.org/fhir/smart-app-launch/STU2.2/"""
