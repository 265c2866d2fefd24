"""The option --runtime, which several commands have."""

RUNTIME_HELP = (
    "where the engine's network runs: auto, torch, openvino or int8; the last two are faster on an ordinary "
    "processor and need OpenVINO: pip install 'living-portraits[fast]' (default: auto, openvino where it is installed, "
    "else torch)"
)
