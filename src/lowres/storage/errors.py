"""What an error of boto3 means: worth another try, or one line that tells what to do.

Lines are our own words and the service's error code. The text a server sends is never repeated: it can hold request
headers, and on some stores the session token.
"""

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as UnreachedError

REMOTE_ERRORS = (ClientError, BotoCoreError, ConnectionError, TimeoutError)
UNREACHABLE_ATTEMPTS = 4  # a wrong endpoint is soon told; a store that restarts gets a few seconds

_TRANSIENT_STATUS = {429, 500, 502, 503, 504}
_TRANSIENT_CODES = {
    "BadDigest",  # the bytes were damaged on the way
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_NOT_ACCEPTED = {"InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken", "SignatureDoesNotMatch", "401"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "Forbidden", "403"}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_CHECKSUM = {"NotImplemented", "InvalidRequest", "MissingContentLength", "XAmzContentSHA256Mismatch", "501"}
_MISSING = {"NoSuchKey", "404", "NotFound"}


def error_code(error: BaseException) -> str:
    """The service's code ('SlowDown', '404'); empty where the error did not come from the service."""
    if not isinstance(error, ClientError):
        return ""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else "unnamed error"


def is_missing(error: BaseException) -> bool:
    """Whether the service says that there is no such object."""
    return error_code(error) in _MISSING


def is_not_offered(error: BaseException) -> bool:
    """Whether the service says that these credentials may not do this, or that it cannot."""
    return error_code(error) in _DENIED | {"NotImplemented", "MethodNotAllowed", "501", "405"}


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, ClientError):
        return _status(error) in _TRANSIENT_STATUS or error_code(error) in _TRANSIENT_CODES
    if isinstance(error, SSLError):
        return "CERTIFICATE" not in str(error)
    broken = (HTTPClientError, IncompleteReadError, ResponseStreamingError, FlexibleChecksumError)
    return isinstance(error, (*broken, UnreachedError, ConnectionError, TimeoutError))


def explained(error: BaseException, *, doing: str, attempts: int) -> ValueError:
    """The error as one line without secrets: what was done, what happened, the remedy."""
    return ValueError(f"{doing}: {_told(error)}" + (f" (tried {attempts} times)" if attempts > 1 else ""))


def _told(error: BaseException) -> str:
    code = error_code(error)
    if code in _EXPIRED or isinstance(error, SSOError | TokenRetrievalError | UnauthorizedSSOTokenError):
        return f"the credentials have expired ({_name(error)}); renew them (`aws sso login`, or new AWS_* variables)"
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return f"no complete credentials found ({_name(error)}); {remedy}"
    if code in _NOT_ACCEPTED:
        return f"the credentials are not accepted ({code}); check that key, secret and token belong to this endpoint"
    if code == "RequestTimeTooSkewed":
        return f"the service takes this machine's clock for wrong ({code}); set the clock"
    if code in _DENIED:
        return (
            f"access denied ({code}); the credentials need s3:ListBucket and s3:GetObject, to push also s3:PutObject "
            "and s3:AbortMultipartUpload"
        )
    if code == "NoSuchBucket":
        return "no such bucket; create it, or correct the address or the endpoint"
    if code in _REGION:
        return f"the bucket is in another region ({code}); set AWS_DEFAULT_REGION"
    if code in _MISSING:
        return f"no such object ({code}); push the folder again"
    if code in _CHECKSUM:
        return f"the service refused the request ({code}); an older store may need --checksums when_required"
    if code:
        return f"the service answered {_status(error)} {code}"
    if isinstance(error, EndpointConnectionError):
        return "cannot connect; check the network and the endpoint (--endpoint-url or AWS_ENDPOINT_URL)"
    if isinstance(error, SSLError):
        return "the certificate is not accepted; correct the endpoint, or name your authority in AWS_CA_BUNDLE"
    return f"the connection failed ({type(error).__name__}); try again, finished files are kept"


def _name(error: BaseException) -> str:
    return error_code(error) or type(error).__name__


def _status(error: BaseException) -> int:
    response = error.response if isinstance(error, ClientError) else {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
