"""What is used of transformers, each from the module where it stands.

The types are read from here in place of its own `__init__`, which names every model that there is:
a quarter of the time that checking takes. Whoever uses another name adds it.
"""

from transformers.models.auto.configuration_auto import AutoConfig as AutoConfig
from transformers.models.auto.image_processing_auto import AutoImageProcessor as AutoImageProcessor
from transformers.models.auto.modeling_auto import (
    AutoModelForDepthEstimation as AutoModelForDepthEstimation,
)
from transformers.models.auto.modeling_auto import (
    AutoModelForImageClassification as AutoModelForImageClassification,
)
from transformers.models.auto.modeling_auto import (
    AutoModelForObjectDetection as AutoModelForObjectDetection,
)
from transformers.models.auto.modeling_auto import (
    AutoModelForSemanticSegmentation as AutoModelForSemanticSegmentation,
)
from transformers.models.auto.modeling_auto import (
    AutoModelForUniversalSegmentation as AutoModelForUniversalSegmentation,
)
from transformers.models.auto.tokenization_auto import AutoTokenizer as AutoTokenizer
from transformers.models.clip.configuration_clip import CLIPConfig as CLIPConfig
from transformers.models.clip.configuration_clip import CLIPTextConfig as CLIPTextConfig
from transformers.models.clip.configuration_clip import CLIPVisionConfig as CLIPVisionConfig
from transformers.models.clip.image_processing_clip import CLIPImageProcessor as CLIPImageProcessor
from transformers.models.clip.modeling_clip import CLIPTextModel as CLIPTextModel
from transformers.models.clip.modeling_clip import (
    CLIPTextModelWithProjection as CLIPTextModelWithProjection,
)
from transformers.models.clip.modeling_clip import (
    CLIPVisionModelWithProjection as CLIPVisionModelWithProjection,
)
from transformers.models.clip.tokenization_clip import CLIPTokenizer as CLIPTokenizer
from transformers.models.clipseg.configuration_clipseg import CLIPSegConfig as CLIPSegConfig
from transformers.models.clipseg.modeling_clipseg import (
    CLIPSegForImageSegmentation as CLIPSegForImageSegmentation,
)
from transformers.models.dpt.configuration_dpt import DPTConfig as DPTConfig
from transformers.models.dpt.modeling_dpt import DPTForDepthEstimation as DPTForDepthEstimation
from transformers.models.gemma2.configuration_gemma2 import Gemma2Config as Gemma2Config
from transformers.models.gemma2.modeling_gemma2 import Gemma2Model as Gemma2Model
from transformers.models.llama.configuration_llama import LlamaConfig as LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM as LlamaForCausalLM
from transformers.models.mistral3.configuration_mistral3 import Mistral3Config as Mistral3Config
from transformers.models.mistral3.modeling_mistral3 import (
    Mistral3ForConditionalGeneration as Mistral3ForConditionalGeneration,
)
from transformers.models.oneformer.configuration_oneformer import OneFormerConfig as OneFormerConfig
from transformers.models.oneformer.modeling_oneformer import (
    OneFormerForUniversalSegmentation as OneFormerForUniversalSegmentation,
)
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import (
    Qwen2_5_VLConfig as Qwen2_5_VLConfig,
)
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLForConditionalGeneration as Qwen2_5_VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_qwen2_vl import (
    Qwen2VLImageProcessor as Qwen2VLImageProcessor,
)
from transformers.models.qwen2_vl.processing_qwen2_vl import Qwen2VLProcessor as Qwen2VLProcessor
from transformers.models.qwen3.configuration_qwen3 import Qwen3Config as Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3ForCausalLM as Qwen3ForCausalLM
from transformers.models.qwen3.modeling_qwen3 import Qwen3Model as Qwen3Model
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLConfig as Qwen3VLConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLForConditionalGeneration as Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor as Qwen3VLProcessor
from transformers.models.sam.configuration_sam import SamConfig as SamConfig
from transformers.models.sam.modeling_sam import SamModel as SamModel
from transformers.models.sam.processing_sam import SamProcessor as SamProcessor
from transformers.models.segformer.configuration_segformer import SegformerConfig as SegformerConfig
from transformers.models.segformer.modeling_segformer import (
    SegformerForSemanticSegmentation as SegformerForSemanticSegmentation,
)
from transformers.models.swin.configuration_swin import SwinConfig as SwinConfig
from transformers.models.t5.configuration_t5 import T5Config as T5Config
from transformers.models.t5.modeling_t5 import T5EncoderModel as T5EncoderModel
from transformers.models.vit.configuration_vit import ViTConfig as ViTConfig
from transformers.models.vit.modeling_vit import (
    ViTForImageClassification as ViTForImageClassification,
)
from transformers.models.vitpose.configuration_vitpose import VitPoseConfig as VitPoseConfig
from transformers.models.vitpose.modeling_vitpose import (
    VitPoseForPoseEstimation as VitPoseForPoseEstimation,
)
from transformers.models.vitpose_backbone.configuration_vitpose_backbone import (
    VitPoseBackboneConfig as VitPoseBackboneConfig,
)
from transformers.models.yolos.configuration_yolos import YolosConfig as YolosConfig
from transformers.models.yolos.modeling_yolos import (
    YolosForObjectDetection as YolosForObjectDetection,
)
from transformers.pipelines import pipeline as pipeline
from transformers.tokenization_utils_tokenizers import (
    PreTrainedTokenizerFast as PreTrainedTokenizerFast,
)
