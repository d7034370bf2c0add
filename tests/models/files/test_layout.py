"""What of a diffusers folder is a part with weights, and what of a repository is fetched."""

from fnmatch import fnmatch

from worker.models.files.formats.layout import wanted_files, weighty_parts


def test_the_parts_with_weights_are_those_that_are_there_and_run():
    index = {
        "_class_name": "AnyPipeline",
        "_name_or_path": "someone/any",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "force_zeros_for_empty_prompt": True,
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
        "prior_scheduler": ["diffusers", "DDPMScheduler"],
        "prior_tokenizer": ["transformers", "CLIPTokenizer"],
        "processor": ["transformers", "Qwen2VLProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": [None, None],
        "tokenizer_2": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    assert weighty_parts(index) == ["text_encoder", "transformer", "vae"]


def test_a_pull_takes_every_part_and_no_pickle_nor_a_second_copy():
    wanted = wanted_files(None, weights=True)

    def pulled(path: str) -> bool:
        allowed = any(fnmatch(path, pattern) for pattern in wanted.allow)
        return allowed and not any(fnmatch(path, pattern) for pattern in wanted.ignore)

    for path in (
        "model_index.json",
        "text_encoder_2/model.safetensors",
        "text_encoder_3/model-00001-of-00002.safetensors",
        "text_encoder_3/model.safetensors.index.json",
        "tokenizer_2/vocab.json",
        "tokenizer_3/spiece.model",
        "prior_tokenizer/merges.txt",
        "processor/merges.txt",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
        "feature_extractor/preprocessor_config.json",
    ):
        assert pulled(path), path
    for path in (
        "sd_xl_base_1.0.safetensors",
        "model.ckpt",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "safety_checker/model.safetensors",
        "unet/model.onnx",
        "transformer/custom.py",
    ):
        assert not pulled(path), path
