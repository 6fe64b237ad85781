"""Mean and deviation of the frames that the networks were trained on (README, "The method", step 1.6).

Apart from reading, so that the networks run where no codec is installed, as on a machine that only encodes.
"""

from __future__ import annotations

MEAN = (29.110628, 28.076836, 29.096405)
"""Per channel, on the 0..255 scale."""
STD = (47.989223, 46.456997, 47.200830)
"""Per channel, on the 0..255 scale."""
