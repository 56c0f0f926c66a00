"""One present is one frame, whichever way the program found the function."""

import pytest

from tests.unit.simulator.native.conftest import DT_NS

SDL = (
    "SDL_RenderPresent", "SDL_UpdateWindowSurface", "SDL_UpdateWindowSurfaceRects", "SDL_Flip", "SDL_UpdateRect",
    "SDL_UpdateRects", "SDL_GL_SwapWindow", "SDL_GL_SwapBuffers",
)  # fmt: skip


@pytest.mark.parametrize("way", ["symbol", "dlsym", "proc", "procarb", "egl"])
def test_a_gl_frame_lasts_one_refresh(start, compile_toy, way):
    toy = start(compile_toy("gl", "gl"), way)
    assert toy.run() == [f"{frame * DT_NS // 1000} {frame}" for frame in range(5)]
    assert toy.page.counters()["presents"] == 5


@pytest.mark.parametrize("surfaces", [True, False])
def test_a_picture_put_to_the_server_is_a_frame_where_the_page_says_so(start, compile_toy, surfaces):
    toy = start(compile_toy("gl", "gl"), "surface", surfaces=surfaces)
    assert toy.run() == [f"{frame * DT_NS // 1000 if surfaces else 0} {frame}" for frame in range(5)]
    assert toy.page.counters()["presents"] == (5 if surfaces else 0)


@pytest.mark.parametrize("way", ["symbol", "dlsym", "instance", "device"])
def test_a_vulkan_frame_lasts_one_refresh(start, compile_toy, way):
    toy = start(compile_toy("vk", "vulkan"), way)
    assert toy.run() == [f"{frame * DT_NS // 1000} {frame}" for frame in range(5)]
    assert toy.page.counters()["presents"] == 5


@pytest.mark.parametrize("name", SDL)
def test_an_sdl_frame_of_a_private_library_counts_once(start, compile_toy, name):
    program = compile_toy("sdl", "SDL")
    toy = start(program, program.parent / "libSDL.so", name, "0")
    assert [int(line) for line in toy.run()] == [frame * DT_NS // 1000 for frame in range(5)]
    assert toy.page.counters()["presents"] == 5


@pytest.mark.parametrize(
    ("name", "vsync", "frame_us"),
    [
        ("SDL_Flip", "auto", 10_000),  # the program paces itself
        ("SDL_Flip", "never", 10_000),
        ("SDL_GL_SwapBuffers", "adaptive", 10_000),
        ("SDL_GL_SwapBuffers", "auto", None),  # GL waits for the refresh besides
    ],
)
def test_a_program_that_sleeps_by_itself_does_not_wait_for_the_refresh(start, compile_toy, name, vsync, frame_us):
    program = compile_toy("sdl", "SDL")
    shown = [int(line) for line in start(program, program.parent / "libSDL.so", name, "10000", vsync=vsync).run()]
    # Adaptive waits once: before its first frame the program has not slept yet.
    first = 0 if vsync == "never" else DT_NS // 1000
    if frame_us:
        assert shown == [0, *(first + frame_us * (frame + 1) for frame in range(4))]
    else:
        assert shown == [0, *(DT_NS // 1000 * (frame + 1) + 10_000 for frame in range(4))]


@pytest.mark.parametrize("way", ["symbol", "vanish"])
def test_the_next_program_takes_time_over(start, compile_toy, way):
    toy = compile_toy("gl", "gl")
    launcher = start("sh", "-c", f"{toy} {way}; sleep 0.1; {toy} symbol")
    shown = [int(line.split()[0]) for line in launcher.run()]
    assert shown[:5] == [frame * DT_NS // 1000 for frame in range(5)]
    assert shown[5] >= 5 * DT_NS // 1000 + 100_000
    assert [later - shown[5] for later in shown[6:]][-1] >= 3 * DT_NS // 1000
    assert launcher.page.counters()["presents"] == 10


def test_one_frame_a_step_and_the_step_ends_after_the_present(start, compile_toy):
    toy = start(compile_toy("gl", "gl"))
    for frame in range(1, 5):
        assert toy.step()
        assert toy.page.counters()["presents"] == frame + 1
        assert toy.page.fields.driver_pid == toy.process.pid


def test_only_the_program_that_is_named_owns_time(start, compile_toy):
    named = {"OVERPLAY_DRIVER": "owner"}
    helper = start(compile_toy("gl", "gl"), "symbol", environment=named)
    assert helper.run() == [f"0 {frame}" for frame in range(5)]
    assert (helper.page.counters()["presents"], helper.page.counters()["other_presents"]) == (0, 5)
    owner = start(compile_toy("gl", "gl"), "symbol", "owner", environment=named)
    assert owner.run()[-1] == f"{4 * DT_NS // 1000} 4"
    assert owner.page.counters()["presents"] == 5
