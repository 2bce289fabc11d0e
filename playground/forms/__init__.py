"""What people type, as Python values. The verbs judge it; a form maps fields and refusals."""
