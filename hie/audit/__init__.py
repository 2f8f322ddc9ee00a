"""The audit trail: who saw or changed what, on disk before the answer leaves."""
