"""A model behind LitServe, as its documentation has it: a LitAPI, and a worker for each core.

`fast_queue` is ZeroMQ between its processes, which it advises for many requests a second.
"""

import argparse
from typing import Any

import litserve
import numpy as np

from benchmarks.serving_engine import Engine, as_rows


class Classifier(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.engine = Engine()

    def decode_request(self, request: dict[str, Any]) -> Any:
        return np.array(request["instances"], np.float32)

    def predict(self, inputs: Any) -> Any:
        return self.engine(inputs)

    def encode_response(self, output: Any) -> dict[str, Any]:
        return as_rows(*output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    args = parser.parse_args()
    api = Classifier(api_path="/invocations")
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=args.processes, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=args.port,
        generate_client_file=False,
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    main()
