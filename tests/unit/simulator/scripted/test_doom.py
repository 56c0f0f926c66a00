"""The player of the Doom arenas."""

from simulator.scripted import make_scripted


def test_the_scripted_player_plays_on_purpose(env):
    player = make_scripted(env)
    observation, _ = env.reset(seed=1)
    player.reset(1)
    hits = 0.0
    for _ in range(200):
        observation, reward, terminated, *_ = env.step(player.act(observation).action(0))
        hits += reward
        assert not terminated
    assert hits >= 6
