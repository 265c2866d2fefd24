"""The option --runtime, which several commands have."""

RUNTIME_HELP = (
    "where the engine's network runs: auto, torch, openvino, int8 or cuda; openvino and int8 are faster on an ordinary "
    "processor and need OpenVINO: pip install 'living-portraits[fast]'; cuda is an NVIDIA GPU (default: auto, the GPU "
    "where there is one, else int8 or openvino where that is installed, else torch)"
)
