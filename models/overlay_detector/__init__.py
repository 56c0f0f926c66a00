"""The overlay detector: finds gamepad overlays, and the places of their controls, without a template."""
