"""How languages write numbers, where Django's own formats differ from what browsers write."""
