"""Local features for template matching, behind the one protocol of `ops.locate.Matcher`."""
