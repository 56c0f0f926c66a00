"""The pad that needs no kernel: identity, ranges, and events at the frame that they were set for."""

from simulator.native.page import PAD_BUTTONS


def test_the_pad_says_it_is_an_xbox_360_pad_and_tells_changes_at_steps(start, compile_toy, tmp_path):
    device = tmp_path / "pad"
    device.touch()
    toy = start(compile_toy("pad"), pad_path=str(device), environment={"SDL_JOYSTICK_DEVICE": str(device)})
    fields = toy.page.fields
    assert toy.step()
    fields.pad_buttons = 1 << PAD_BUTTONS.index("north") | 1 << PAD_BUTTONS.index("dpad_up")
    fields.pad_axes[0], fields.pad_triggers[1] = -32768, 255
    assert toy.step()
    assert toy.step()
    fields.pad_buttons = 0
    lines = toy.run()
    assert lines[0] == "045e:028e Microsoft X-Box 360 pad"
    assert lines[1] == "keys 110 axes 110 range -32768 32767 held 0"
    # 0x134 is evdev's code of the northern button; a report ends with 0 0 0.
    assert lines[2:7] == [
        "step 1: 1 134 1",
        "step 1: 3 0 -32768",
        "step 1: 3 5 255",
        "step 1: 3 11 -1",
        "step 1: 0 0 0",
    ]
    assert lines[7:10] == ["step 3: 1 134 0", "step 3: 3 11 0", "step 3: 0 0 0"]
    assert lines[10:] == ["reopened 1"]
    assert toy.page.counters()["pad_events"] == 8
    assert fields.pad_opens == 2
