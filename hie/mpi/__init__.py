"""The master patient index: which registrations at which institutions are one resident.

Values in, values out: `identity_number`, `names`, `birth`, `contact`, `features`, `compare`, `score`,
`decide`, `survive`. On PostgreSQL: `candidates`, `link`, `people`, `steward`, `review`, `match`.
"""
