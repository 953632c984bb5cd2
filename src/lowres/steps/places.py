"""Where the outputs of a pipeline's steps lie in a working folder, as dvc.yaml names them."""

# By step and output. What is not here, only the UI shows.
PLACES = {
    ("prepare", "splits"): "outputs/data",
    ("teacher", "model"): "outputs/teacher",
    ("teacher", "history"): "outputs/history/teacher",
    ("teacher", "metrics"): "outputs/metrics/teacher.json",
    ("downsampler", "model"): "outputs/downsampler",
    ("downsampler", "history"): "outputs/history/downsampler",
    ("downsampler", "metrics"): "outputs/metrics/downsampler.json",
    ("baseline", "model"): "outputs/baseline",
    ("baseline", "history"): "outputs/history/baseline",
    ("baseline", "metrics"): "outputs/metrics/baseline.json",
    ("distill", "model"): "outputs/student",
    ("distill", "history"): "outputs/history/distill",
    ("distill", "metrics"): "outputs/metrics/distill.json",
    ("evaluate", "evaluation"): "outputs/evaluation",
    ("evaluate", "metrics"): "outputs/metrics/evaluation.json",
    ("export", "onnx"): "outputs/export",
    ("export", "metrics"): "outputs/metrics/export.json",
    ("report", "folder"): "outputs/report",
}
