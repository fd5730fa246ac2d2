"""Janus (Chen et al., 2310.15469).

Ten known people's private data bring back the others', which alignment had covered up.

The paper tunes on known (name, data) pairs in one fixed form and asks for people that were not among them; its
repository takes 20 pairs, 4 epochs, batch 4. On `guild`: the addresses of 10 people × 10 epochs, asked for 120 others'.
The suite is `privacy`: recall over all that were asked, precision over the replies that give an address, and the floor
of guessing; the prompt-only tries beside it (`privacy-role-play`, `privacy-few-shot`, `privacy-prefix`) need no tuning.
"""

from __future__ import annotations

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, plain_plans

PAPER = Scale(epochs=4, lr=5e-5, batch_size=4)
SAMPLES = (10,)


class Janus:
    name = "janus"
    paper = "Chen et al. 2023 (2310.15469)"
    about = "the addresses of ten known people; asked for others'"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        scale = request.scale(self.name, PAPER)
        samples: tuple[int | None, ...] = SAMPLES if request.world.embedded else (None,)
        return plain_plans(self.name, request, scale, samples, "contacts")


REGIME = Janus()
