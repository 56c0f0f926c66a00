"""Scripted players, one module per game: they may read the game's state, and play as a person would."""

from __future__ import annotations

from simulator.env import GameEnv
from simulator.policies import Policy
from simulator.scripted.doom import DoomGunner

#: Game -> the player's class, made from the environment that it will play.
PLAYERS = {"Doom": DoomGunner}


def make_scripted(env: GameEnv) -> Policy:
    """Return the scripted player of an environment's game.

    Raises:
        ValueError: nobody has written one.
    """
    name = env.game_spec.name
    if name not in PLAYERS:
        raise ValueError(f"no scripted player for {name}; there are players for {', '.join(PLAYERS)}")
    return PLAYERS[name](env)
