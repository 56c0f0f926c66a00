"""A game for tests: a ball that the left stick pushes, coins that are thrown at random, and buttons that end it badly.

start ends it with exit code 0, back with 3; north aborts; west waits for ever for a thread, east computes for ever.
"""

import os
import random
import sys
import threading
import time

import pygame

SOUTH, EAST, WEST, NORTH, BACK, START = 0, 1, 2, 3, 6, 7


def main() -> None:
    width, height = int(sys.argv[1]), int(sys.argv[2])
    rate = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    pygame.init()
    screen = pygame.display.set_mode((width, height), pygame.NOFRAME)
    pygame.mouse.set_visible(False)
    pad = pygame.joystick.Joystick(0)
    clock, began = pygame.time.Clock(), time.monotonic()
    x, y, frame, keys = width / 2, height / 2, 0, 0
    print(f"{pad.get_name()} {pad.get_numbuttons()} {time.time():.6f} {os.environ['HOME']}", flush=True)
    while True:
        for event in pygame.event.get():
            if event.type == pygame.KEYDOWN:
                keys += 1
        held = [pad.get_button(button) for button in range(pad.get_numbuttons())]
        if held[START] or held[BACK]:
            sys.exit(0 if held[START] else 3)
        if held[NORTH]:
            print("about to abort", flush=True)
            os.abort()
        if held[WEST]:
            print("about to hang", flush=True)
            threading.Event().wait()
        while held[EAST]:
            pass
        x = (x + 3 * pad.get_axis(0)) % width
        y = (y + 3 * pad.get_axis(1)) % height
        screen.fill((0, 200, 0) if held[SOUTH] else (0, 0, 60))
        for _ in range(5):
            pygame.draw.circle(screen, (200, 200, 0), (random.random() * width, random.random() * height), 3)
        pygame.draw.circle(screen, (255, 255, 255), (int(x), int(y)), 8)
        passed = int((time.monotonic() - began) * 1000)
        screen.fill((min(passed % 256, 255), keys % 256, frame % 256), (0, 0, 4, 4))
        pygame.display.flip()
        frame += 1
        clock.tick(rate)


main()
