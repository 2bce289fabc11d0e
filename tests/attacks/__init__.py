"""What attackers try, as cases with ids, each by every door it could enter.

A case keeps its id for good: tables are added to at their end, and nothing is renumbered.
"""
