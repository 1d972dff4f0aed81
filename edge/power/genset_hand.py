"""What somebody wished of the genset by hand, and until when it counts. Pure but for its own memory.

A start ends by itself after good mains for `hand_minutes`, or when after so long a look finds them good: nobody burns diesel for nothing through the
night. A stop holds off forecast, schedule and test until the mains return, somebody starts it, or it has stood for `hold_minutes`.
"""

from dataclasses import dataclass

from station_config.schema import GensetRules


@dataclass
class Hand:
    """One wish; None: nobody wishes anything."""

    wish: str | None = None
    """start or stop"""
    since_s: float | None = None
    """counts from here; None: from the next step"""
    age_s: float = 0.0
    """what it had counted before a restart"""
    good_s: float = 0.0
    """mains that were good meanwhile"""
    dark: bool = False
    """the mains were away while it was held off"""

    def tell(self, wish: str) -> None:
        self.wish, self.since_s, self.age_s, self.good_s, self.dark = wish, None, 0.0, 0.0, False

    def step(self, now_s: float, plan: str, mains_steady_s: float, dark: bool, rules: GensetRules) -> None:
        """Forget a wish that is over; plan: its state."""
        self.since_s = now_s - self.age_s if self.since_s is None or (self.wish == "stop" and plan != "idle") else self.since_s
        self.age_s = now_s - self.since_s
        self.good_s, self.dark = min(self.age_s, mains_steady_s), self.dark or dark
        back = mains_steady_s >= rules.mains_return_s and (plan == "looking" if self.wish == "start" else self.dark)
        if plan == "locked" or ((self.wish == "start" or plan == "idle") and (back or self.left_s(rules) <= 0)):
            self.wish = None

    def left_s(self, rules: GensetRules) -> float:
        """Until it is over; for a start as long as the mains stay good."""
        return rules.hand_minutes * 60 - self.good_s if self.wish == "start" else rules.hold_minutes * 60 - self.age_s
