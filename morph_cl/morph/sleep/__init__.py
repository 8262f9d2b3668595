"""Sleep: what MORPH does between training steps, on stored samples alone and outside their autograd graph."""

from morph_cl.morph.sleep.cycle import sleep
from morph_cl.morph.sleep.graph_renewal import renew_graph
from morph_cl.morph.sleep.held_out import HeldOut
from morph_cl.morph.sleep.merging import merge_pair
from morph_cl.morph.sleep.meta import MetaLearner
from morph_cl.morph.sleep.removal import heir_of, remove_expert
from morph_cl.morph.sleep.schedule import SleepSchedule
from morph_cl.morph.sleep.undo import Undo

__all__ = [
    "HeldOut",
    "MetaLearner",
    "SleepSchedule",
    "Undo",
    "heir_of",
    "merge_pair",
    "remove_expert",
    "renew_graph",
    "sleep",
]
