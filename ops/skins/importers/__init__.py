"""Importers of other programs' skins into the internal form (`ops.skins.form`)."""
