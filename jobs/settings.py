"""Every setting of Darkroom in one table: environment variables, defaults and help text."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """The settings as read from the environment; the variable is the field's name in capitals.

    Raises pydantic.ValidationError, naming the variable, where a value does not fit.
    """

    model_config = SettingsConfigDict(
        env_prefix="", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # Where it listens and keeps its things
    host: str = Field(
        default="127.0.0.1",
        description="Address the API listens on. 127.0.0.1 is this machine only; "
        "0.0.0.0 opens it to everybody on the network.",
    )
    port: int = Field(default=7860, ge=1, le=65535, description="Port the API listens on.")
    data: Path = Field(
        default=REPOSITORY / "data",
        description="Folder for everything that must survive a restart: Redis's append-only file "
        "and the pictures.",
    )
    redis_url: str | None = Field(
        default=None,
        description="Redis to use, such as redis://host:6379/0. Without it `darkroom up` starts a "
        "redis-server or valkey-server of its own under DATA.",
    )
    image_store: str | None = Field(
        default=None,
        description="Where pictures are kept: a folder, or any fsspec URL such as "
        "s3://bucket/darkroom. The default is the folder `images` under DATA.",
    )
    models: Path = Field(
        default=REPOSITORY / "models.toml",
        description="The file that names the models this server offers.",
    )

    # Processes
    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Worker processes to start; 0 is one for each GPU, or one.",
    )
    device: str = Field(
        default="auto", description="Device of a worker: auto, cpu, cuda, cuda:1, mps and so on."
    )
    api_processes: int = Field(default=1, ge=1, le=64, description="gunicorn processes of the API.")
    sse_clients: int = Field(
        default=128,
        ge=1,
        le=4096,
        description="Event streams one API process serves at once; one more is answered 503.",
    )
    capacity: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Images a worker has under way at once, over all its jobs.",
    )
    exact: bool = Field(
        default=False,
        description="Make pictures equal to the pixel whatever else is running, by padding every "
        "forward to the same number of rows. Slower.",
    )
    torch_threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="CPU threads of a worker; 0 leaves the choice to torch.",
    )
    model_memory_gb: float = Field(
        default=0,
        ge=0,
        description="Memory for loaded models in GB; 0 is what the device has free.",
    )

    row_memory_gb: float = Field(
        default=0,
        ge=0,
        description="Memory for the forwards of one worker in GB, beyond the weights; 0 is what "
        "the device has. A picture that would never fit is refused.",
    )
    warm_up: bool = Field(
        default=True,
        description="Measure, when there is nothing else to do, how many pictures a forward "
        "should take; DATA keeps the result.",
    )

    # Limits of a request
    max_prompt: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Longest prompt or negative prompt, in characters.",
    )
    max_size: int = Field(
        default=2048, ge=8, le=16384, description="Largest width or height in pixels."
    )
    max_pixels: int = Field(
        default=4_194_304, ge=64, description="Largest width times height of one image, in pixels."
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
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @property
    def image_store_url(self) -> str:
        """The image store as an fsspec URL or a folder."""
        return self.image_store or str(self.data / "images")

    @property
    def api_threads(self) -> int:
        """Threads of one API process: every event stream holds one, and 32 answer the rest."""
        return self.sse_clients + 32


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
