from tests.unit.simulator.toy import needs_a_compiler_and_a_display

__all__ = ["needs_a_compiler_and_a_display"]
