"""What the stand-in refuses, in the shape in which Stripe refuses."""


class Refused(Exception):
    """An answer that is an error: HTTP status, Stripe's error type, code, message for the developer, parameter.

    ``executed`` is False for what Stripe refuses before running anything (a bad parameter): such an answer is never
    kept under an idempotency key. See https://docs.stripe.com/api/idempotent_requests.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
    ):
        super().__init__(message)
        self.status, self.executed = status, executed
        self.error = {"message": message, "type": type}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param

    @property
    def body(self) -> dict:
        """The JSON answer: ``{"error": {type, message, code?, param?}}``."""
        return {"error": self.error}


def missing(param: str) -> Refused:
    return Refused(f"Missing required param: {param}.", code="parameter_missing", param=param, executed=False)


def invalid(param: str, why: str, code: str = "parameter_invalid") -> Refused:
    return Refused(f"Invalid {param}: {why}", code=code, param=param, executed=False)


def no_such(kind: str, id: str, *, status: int = 404, param: str = "id") -> Refused:
    return Refused(f"No such {kind}: '{id}'", status=status, code="resource_missing", param=param)
