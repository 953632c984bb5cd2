"""Where the outputs of a pipeline's steps lie in a working folder, as dvc.yaml names them."""

# By step and output. What is not here, only the UI shows: of Metrics too, whose files not every launcher uploads.
PLACES = {
    ("prepare", "splits"): "outputs/data",
    ("teacher", "model"): "outputs/teacher",
    ("teacher", "history"): "outputs/history/teacher",
    ("teacher", "numbers"): "outputs/metrics/teacher.json",
    ("downsampler", "model"): "outputs/downsampler",
    ("downsampler", "history"): "outputs/history/downsampler",
    ("downsampler", "numbers"): "outputs/metrics/downsampler.json",
    ("baseline", "model"): "outputs/baseline",
    ("baseline", "history"): "outputs/history/baseline",
    ("baseline", "numbers"): "outputs/metrics/baseline.json",
    ("distill", "model"): "outputs/student",
    ("distill", "history"): "outputs/history/distill",
    ("distill", "numbers"): "outputs/metrics/distill.json",
    ("evaluate", "evaluation"): "outputs/evaluation",
    ("evaluate", "numbers"): "outputs/metrics/evaluation.json",
    ("export", "onnx"): "outputs/export",
    ("export", "numbers"): "outputs/metrics/export.json",
    ("report", "folder"): "outputs/report",
}
