"""What a user sees: rich renderables made of run records, and the files that export them.

Nothing here imports torch or Avalanche, and nothing here prints: a rich ``Console`` shows the renderables.
"""

from morph_cl.report.ablation import ablation_report
from morph_cl.report.compose import comparison_report, run_report
from morph_cl.report.costs import cost_report
from morph_cl.report.curves import comparison_curves, strategy_curves
from morph_cl.report.drift_tables import drift_table, drifts_of_run
from morph_cl.report.explanation import explanation_report
from morph_cl.report.heatmap import accuracy_matrix
from morph_cl.report.inspection import inspection_report
from morph_cl.report.prequential import prequential_curves
from morph_cl.report.speed_ups import compare_speed_ups, speed_up_table
from morph_cl.report.tables import summary_table

__all__ = [
    "ablation_report",
    "accuracy_matrix",
    "compare_speed_ups",
    "comparison_curves",
    "comparison_report",
    "cost_report",
    "drift_table",
    "drifts_of_run",
    "explanation_report",
    "inspection_report",
    "prequential_curves",
    "run_report",
    "speed_up_table",
    "strategy_curves",
    "summary_table",
]
