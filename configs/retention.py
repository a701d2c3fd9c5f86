"""The schema of how long things are kept."""

from configs.fields import PositiveDays, Section


class RetentionSettings(Section):
    """Longest age of what is kept, by table and derived artefact; older is removed by `fairshelf privacy retain`.

    Ages of what describes the data (lake, feature tables, online rows) are measured in data time, the others on the
    wall clock.
    """

    transactions_days: PositiveDays
    promotions_days: PositiveDays
    inventory_days: PositiveDays
    campaigns_days: PositiveDays
    redemptions_days: PositiveDays
    superseded_consents_days: PositiveDays
    events_days: PositiveDays
    decisions_days: PositiveDays
    feature_snapshots_days: PositiveDays
    online_rows_days: PositiveDays
    rejects_days: PositiveDays
    checkpoints_days: PositiveDays
    exports_days: PositiveDays
    evaluations_days: PositiveDays
    mlflow_artifacts_days: PositiveDays
