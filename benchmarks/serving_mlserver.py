"""A model as a runtime of MLServer's, as its page "Custom Inference Runtimes" has it."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving_engine import Engine


class Classifier(MLModel):
    async def load(self) -> bool:
        self._engine = Engine()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        classes, probabilities = self._engine(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("classes", classes),
                NumpyCodec.encode_output("probabilities", probabilities),
            ],
        )
