"""Kills, read from the server's log."""

from simulator.games.openarena import probe as probe_arena


def test_kills_are_read_from_the_log_of_an_arena(tmp_path):
    assert probe_arena(tmp_path) == {"kills": 0, "deaths": 0}
    log = tmp_path / ".openarena/baseoa/games.log"
    log.parent.mkdir(parents=True)
    lines = (
        "  0:09 Kill: 1 0 8: player killed Sarge by MOD_PLASMA",
        "  0:12 Kill: 0 1 6: Sarge killed player by MOD_ROCKET",
        "  0:20 Kill: 1 1 7: player killed player by MOD_ROCKET_SPLASH",
        "  0:21 Item: 1 weapon_shotgun",
        "  0:30 Kill: 1022 1 16: <world> killed player by MOD_LAVA",
    )
    log.write_text("\n".join(lines))
    assert probe_arena(tmp_path) == {"kills": 1, "deaths": 3}
