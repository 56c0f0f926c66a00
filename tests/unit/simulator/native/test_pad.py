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


def test_a_library_that_looks_for_pads_through_udev_finds_one_and_reads_it(start, compile_toy, tmp_path):
    device = tmp_path / "pad"
    device.touch()
    toy = start(compile_toy("udev", "udev"), pad_path=str(device))
    fields = toy.page.fields
    assert toy.step()
    fields.pad_buttons = 1 << PAD_BUTTONS.index("north") | 1 << PAD_BUTTONS.index("dpad_left")
    fields.pad_axes[1], fields.pad_axes[2], fields.pad_triggers[0] = 16384, -32768, 255
    lines = toy.run()
    assert lines[:2] == ["sound: /real -", "input: /js0 1"]
    assert lines[2] == "Microsoft X-Box 360 pad: 8 axes, 11 buttons, third axis 2, last 17"
    assert lines[3] == "told 19 at once"
    assert lines[4:] == [
        "step 2: 1 3 1",
        "step 2: 2 1 16384",
        "step 2: 2 2 32767",  # the left trigger, pulled
        "step 2: 2 3 -32767",
        "step 2: 2 6 -32767",
    ]


def test_without_a_pad_udev_shows_the_machine_as_it_is(start, compile_toy):
    assert start(compile_toy("udev", "udev")).run() == ["sound: /real -", "input: /real -"]
