"""Pages: who may ask, read the form, call one verb, answer."""
