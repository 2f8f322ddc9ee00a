"""A synthetic Chinese district: residents, institutions and their records, and how they are sent.

Everything here is invented and looks it: division codes 990101 and up, which no real place has,
phone numbers 199 0000 xxxx, fictional communities. The generator is pure and seeded: the same seed
gives the same district, household by household, so any number of residents needs no memory.
"""
