"""What all peers share: doing one work a line of standard input, and saying how long it took.

A line is a work and a way of doing it, with a tab between them. By hand:

    printf 'inlines\\tread\\n' | python segy.py survey.sgy 20000
"""

import json
import sys
import time


def serve(name, works):
    """Answers until standard input ends.

    `works`: the name of each work, with its ways by name: functions without arguments that return a number which must be
    the same on both sides of the comparison.
    """
    say({"peer": name, "works": {work: list(ways) for work, ways in works.items()}})
    for line in sys.stdin:
        work, way = line.rstrip("\n").split("\t")
        function = works[work][way]
        start = time.perf_counter()
        check = function()
        seconds = time.perf_counter() - start
        say({"work": work, "way": way, "seconds": seconds, "check": float(check)})


def say(answer):
    print(json.dumps(answer), flush=True)
