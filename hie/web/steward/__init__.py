"""The data steward's portal, 身份审核台: which registrations are one person, and which are not."""
