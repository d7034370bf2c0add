"""Every setting of Darkroom: environment variables, defaults and help text. Those of a machine and
its processes come first, in machine_settings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from jobs.machine_settings import MachineSettings
from jobs.setting_values import LogLevel, Receivers, Url


class Settings(MachineSettings):
    """The settings as read from the environment; the variable is the field's name in capitals.

    Raises pydantic.ValidationError, naming the variable, where a value does not fit.
    """

    # Limits of a request
    max_prompt: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Longest prompt or negative prompt, in characters.",
    )
    max_size: int = Field(
        default=2048,
        ge=8,
        le=16384,
        description="Largest width or height in pixels; of what is only enlarged, into which "
        "nothing is drawn, four times as large.",
    )
    max_pixels: int = Field(
        default=4_194_304,
        ge=64,
        description="Largest width times height of one image, in pixels; of what is only enlarged "
        "eight times as many.",
    )
    max_steps: int = Field(
        default=150, ge=1, le=1000, description="Most denoising steps of an image."
    )
    max_count: int = Field(default=16, ge=1, le=1024, description="Most images of one job.")
    max_body: int = Field(
        default=33_554_432,
        ge=1024,
        description="Largest request body in bytes; more is answered 413.",
    )
    max_upload: int = Field(
        default=25_165_824,
        ge=1024,
        description="Largest picture that may be sent, in bytes; in base64 it is a third larger.",
    )
    max_picture_pixels: int = Field(
        default=50_000_000,
        ge=64,
        le=170_000_000,
        description="Most pixels of a picture that is sent, read from its header before it is "
        "decoded.",
    )
    max_queue: int = Field(
        default=1000,
        ge=1,
        description="Jobs that may wait; one more is answered 429 with Retry-After.",
    )

    # Limits of a caller, and of all of them together; 0 is no limit
    requests_per_minute: int = Field(
        default=0,
        ge=0,
        description="Requests a caller may send in a minute; more are answered 429 with "
        "Retry-After. 0 is no limit, here and in the following.",
    )
    requests_per_minute_total: int = Field(
        default=0, ge=0, description="Requests of all callers in a minute."
    )
    queued_per_caller: int = Field(
        default=0, ge=0, description="Jobs of one caller that may wait; MAX_QUEUE is for all."
    )
    pictures_in_flight: int = Field(
        default=0, ge=0, description="Pictures of one caller that may wait or be made at once."
    )
    pictures_in_flight_total: int = Field(
        default=0, ge=0, description="Pictures of all callers that may wait or be made at once."
    )
    pictures_per_day: int = Field(
        default=0, ge=0, description="Pictures a caller may ask for in a day (UTC)."
    )
    pictures_per_day_total: int = Field(
        default=0, ge=0, description="Pictures that all callers may ask for in a day (UTC)."
    )
    sse_clients_per_caller: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="Event streams of one caller that one API process serves at once.",
    )
    head_timeout: float = Field(
        default=10,
        gt=0,
        description="Seconds in which the head of a request must have come, and a body of up to "
        "64 kB with it; then the connection is closed.",
    )
    body_timeout: float = Field(
        default=300,
        gt=0,
        description="Seconds in which a larger body must have come; it is cut off before where it "
        "comes more slowly than 16 kB a second.",
    )

    # Webhooks
    webhook_allow: Receivers = Field(
        default=(),
        description="Receivers of webhooks on private networks that are allowed nevertheless: "
        "networks such as 192.168.1.0/24 and host names, with commas.",
    )
    webhook_retries: int = Field(
        default=7,
        ge=3,
        le=20,
        description="Times a webhook is sent again before it is put on the dead-letter list.",
    )
    webhook_backoff: float = Field(
        default=5,
        gt=0,
        le=3600,
        description="Seconds before a webhook is sent again for the first time; each further wait "
        "is four times as long, up to six hours.",
    )
    webhook_timeout: float = Field(
        default=10, gt=0, le=60, description="Seconds that sending one webhook may take."
    )

    # Models from elsewhere
    model_search: bool = Field(
        default=True,
        description="Let admins search the hub and Civitai for models, and add them from there and "
        "from links, where this machine has the internet.",
    )
    hf_endpoint: Url = Field(
        default="https://huggingface.co",
        description="Where the hub is, or a mirror of it. What it gives to accounts alone needs a "
        "token in HF_TOKEN, which is sent there and nowhere else.",
    )
    civitai_url: Url = Field(
        default="https://civitai.com",
        description="Where Civitai's public API is, or a server that answers as it does.",
    )
    civitai_token: SecretStr | None = Field(
        default=None,
        description="API key of an account at Civitai, which some of its files ask for. It is sent "
        "to CIVITAI_URL alone.",
    )
    download_allow: Receivers = Field(
        default=(),
        description="Hosts on private networks from which models may be added nevertheless, also "
        "by http: networks such as 192.168.1.0/24 and host names, with commas.",
    )

    # How long
    job_timeout: int = Field(
        default=3600, ge=1, description="Seconds a job may run before it fails with that reason."
    )
    stall_timeout: int = Field(
        default=300,
        ge=5,
        description="Seconds without a finished step after which a worker ends itself, "
        "so that its jobs run elsewhere.",
    )
    keep_days: int = Field(
        default=0,
        ge=0,
        description="Days that ended jobs and their pictures are kept; 0 is for ever.",
    )
    url_lifetime: int = Field(
        default=7 * 24 * 3600,
        ge=60,
        description="Seconds that a signed picture URL stays valid, at least.",
    )
    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="`text` is for people; `json` is a JSON object on each line, with the job that "
        "it is about, for programs that gather logs.",
    )
    log_file: Path | None = Field(
        default=None,
        description="File for the log of a process; the default is standard error. It may be moved "
        "away at any time: a new one is begun. `darkroom up` gives each of its processes one under "
        "DATA.",
    )
    log_prompts: bool = Field(
        default=False, description="Write the prompts of ended jobs into the worker's log."
    )
    blocked_prompts: Path | None = Field(
        default=None,
        description="File of what no prompt may say: on each line a word, several words, or a "
        "regular expression between slashes; # begins a comment. It is read again when it changes.",
    )

    @property
    def public_host(self) -> str | None:
        """The host of `public_url`."""
        return urlsplit(self.public_url).hostname if self.public_url else None

    @property
    def tls_folder(self) -> Path:
        """Where the local authority and the server's certificate are kept."""
        return self.data / "tls"

    @property
    def model_folders(self) -> tuple[Path, ...]:
        """Where files of models are dropped in: Darkroom's own folder, and those of others."""
        return (self.data / "models", *self.models_folders)

    @property
    def measured_folder(self) -> Path:
        """Where a worker keeps what it measured of models and of its machine."""
        return self.data / "measured"

    @property
    def compiled_folder(self) -> Path:
        """Where a worker keeps the networks that it compiled for its machine."""
        return self.data / "compiled"

    @property
    def embeddings_folder(self) -> Path:
        """Where a worker keeps what text encoders made that it does not keep in memory."""
        return self.data / "embeddings"

    @property
    def styles_file(self) -> Path:
        """Where styles are kept, as AUTOMATIC1111 keeps them."""
        return self.data / "styles.csv"

    @property
    def wildcards_folder(self) -> Path:
        """Where the lists of words lie that a prompt names by `__name__`."""
        return self.data / "wildcards"

    @property
    def image_store_url(self) -> str:
        """The image store as an fsspec URL or a folder."""
        return self.image_store or str(self.data / "images")

    @property
    def api_threads(self) -> int:
        """Threads of one API process: every event stream holds one, and 32 answer the rest."""
        return self.sse_clients + 32

    @property
    def api_connections(self) -> int:
        """Connections to Redis that one API process may open: every thread may ask at once, and
        eight more that serve no request, such as those that follow the events."""
        return self.api_threads + 8


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
