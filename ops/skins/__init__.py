"""Overlay skins: one internal form, the procedural families, and the templates that the locator matches."""
