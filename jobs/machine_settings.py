"""The settings of a machine: where it listens and keeps its things, who comes in, what it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.setting_values import (
    Folders,
    Hosts,
    Networks,
    Origins,
    PublicUrl,
    RedisUrl,
    Store,
    Url,
)

REPOSITORY = Path(__file__).resolve().parent.parent


class MachineSettings(BaseSettings):
    """The first part of the table of settings."""

    model_config = SettingsConfigDict(
        env_prefix="", env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    # Where it listens and keeps its things
    host: str = Field(
        default="0.0.0.0",
        description="Address the API listens on. 0.0.0.0 is every network of this machine, where "
        "devices have to be paired first; 127.0.0.1 is this machine only.",
    )
    port: int = Field(default=7860, ge=1, le=65535, description="Port the API listens on.")
    data: Path = Field(
        default=REPOSITORY / "data",
        description="Folder for everything that must survive a restart: Redis's append-only file "
        "and the pictures.",
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        description="Redis to use, such as redis://host:6379/0, rediss://host:6380/0 by TLS, or "
        "redis+sentinel://host:26379,host2:26379/NAME/0 behind Sentinels. Without it `darkroom up` "
        "starts a redis-server or valkey-server of its own under DATA.",
    )
    image_store: Store | None = Field(
        default=None,
        description="Where pictures are kept: a folder, or any fsspec URL such as "
        "s3://bucket/darkroom. The default is the folder `images` under DATA.",
    )
    s3_endpoint: Url | None = Field(
        default=None,
        description="Address of an S3 server other than Amazon's, such as http://10.0.0.6:9000, "
        "for an IMAGE_STORE of s3://. Its keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "its region AWS_DEFAULT_REGION.",
    )
    renditions_mb: int = Field(
        default=256,
        ge=0,
        description="Disk in MB under DATA/renditions for smaller pictures and other formats that "
        "were asked for, so that none is made twice; 0 keeps them in memory alone.",
    )
    models: Path = Field(
        default=REPOSITORY / "models.toml",
        description="The file that names the models this server offers.",
    )
    models_folders: Folders = Field(
        default=(),
        description="Further folders whose models are offered as those in DATA/models are, such as "
        "an installation of A1111 or ComfyUI; several with a colon between them, on Windows a "
        "semicolon.",
    )

    # The door
    open: bool = Field(
        default=False,
        description="Let everybody who reaches the server do everything, without pairing. "
        "Pages of other sites are refused all the same.",
    )
    tls: bool = Field(
        default=False,
        description="Serve https with a certificate of a local authority, both made under "
        "DATA/tls; each device has to be told once to trust it.",
    )
    mdns: bool = Field(
        default=True,
        description="Let devices of the network find this server by itself, as _darkroom._tcp.",
    )
    public_url: PublicUrl | None = Field(
        default=None,
        description="Address at which devices reach the server, such as https://pictures.example, "
        "where the machine itself does not know it: behind a proxy, or in a container.",
    )
    allowed_hosts: Hosts = Field(
        default=(),
        description="Further names by which the server may be called, with commas; .example.org "
        "is every name below it. Its addresses, its host name and that with .local always are.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="Origins such as https://app.example whose pages may call the API with a "
        "token, with commas.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks such as 10.0.0.0/8 of the proxies before this server, "
        "with commas; only what these say in X-Forwarded-* is believed.",
    )

    # Processes
    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Worker processes to start; 0 is one for each GPU, or one.",
    )
    spare_worker: bool = Field(
        default=True,
        description="Keep one worker in reserve that has imported everything and holds no model, "
        "so that pictures go on a second or two after a worker died; it takes about 250 MB of "
        "main memory.",
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
        description="Images a worker has under way at once, over all its jobs; whoever has none of "
        "them is let in beyond that, up to twice as many.",
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

    embeddings_mb: int = Field(
        default=512,
        ge=0,
        description="Disk in MB under DATA/embeddings for what text encoders made that models.toml "
        "has dropped from memory (drop_text_encoders), so that a prompt is read once.",
    )
    model_turn: float = Field(
        default=30,
        ge=0,
        description="Seconds for which pictures go on being begun with the models in memory while "
        "one waits that has no room beside them; then what is under way is finished, and it is "
        "loaded.",
    )
    row_memory_gb: float = Field(
        default=0,
        ge=0,
        description="Memory for the forwards of one worker in GB, beyond the weights; 0 is what "
        "the device has. A picture that would never fit is refused.",
    )
    max_rows: int = Field(
        default=64,
        ge=1,
        le=256,
        description="The most rows of a forward; a picture with guidance has two. How many it "
        "takes up to that is measured. More are for a card that small pictures do not fill, fewer "
        "for who would rather wait less for a step.",
    )
    trace_memory_mb: int = Field(
        default=512,
        ge=1,
        description="Memory for what traced pictures under way keep of their steps, in one worker, "
        "in MB. Steps that find no room are left out of the trace, which says so.",
    )
    warm_up: bool = Field(
        default=True,
        description="Measure, when there is nothing else to do, how many pictures a forward "
        "should take; DATA keeps the result.",
    )

    backend: Literal["auto", "torch", "openvino", "inductor"] = Field(
        default="auto",
        description="What compiles the networks of models, in the background when there is nothing "
        "else to do (WARM_UP); what was measured to be faster is used. `auto` is OpenVINO on a "
        "processor, where it is installed, and PyTorch's Inductor with CUDA graphs on a GPU, which "
        "needs a C++ compiler; `inductor` on a processor is for those that OpenVINO is not for; "
        "`torch` compiles nothing.",
    )
    compiled_mb: int = Field(
        default=4096,
        ge=0,
        description="Disk in MB under DATA/compiled for networks that were compiled, so that the "
        "next start has them at once.",
    )
