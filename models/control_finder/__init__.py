"""The control finder: says where the controls are in a template that comes as a picture alone."""
