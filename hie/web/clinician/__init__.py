"""The clinician's portal, 医生工作台: find a patient, state a reason, read across institutions."""
