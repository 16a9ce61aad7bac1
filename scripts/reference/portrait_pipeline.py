"""The whole job behind the features, in PyTorch: picture, features and checkpoints to frames.

Written after the description of the published pipeline, with public packages where they have a
part: Pillow resizes, transformers tokenises and has the text encoder and the image tower, diffusers
has the video autoencoder and the samplers, PyTorch the noise. The transformer with the
expression branch and the portrait encoder are those of `expression_models.py`. All is read from the
files of a checkpoint folder as `flashportrait synthesize` writes it, and computed in float32 (the
text encoder in float64).
"""

import contextlib
import dataclasses
import glob
import json
import math
import pathlib

import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler)
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from sentencepiece import sentencepiece_model_pb2
from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

import check_clip
import check_tiny_vae
import check_tokenizer
import check_umt5
import check_vae
import expression_models

BASE = "Wan2.1-I2V-14B-720P"
OURS = "FlashPortrait"


@dataclasses.dataclass
class Job:
    """The parameters of a job by their published names."""

    prompt: str = "The girl is singing"
    negative_prompt: str = "blurred, grey"
    max_size: int = 64
    size: tuple = None  # width, height
    context_size: int = 51
    context_overlap: int = 30
    num_inference_steps: int = 2
    text_cfg_scale: float = 1.0
    emo_cfg_scale: float = 4.0
    ip_scale: float = 1.0
    sampler: str = "flow"
    shift: float = 5.0
    seed: int = 42
    cfg_skip_ratio: float = 0.0
    riflex_k: int = None
    length: str = "exact"
    max_frames: int = None
    tile_vae: bool = False
    tiny_vae: bool = False


# Files


def tensors(path):
    if str(path).endswith(".safetensors"):
        return {name: value.float() for name, value in load_file(path).items()}
    return {name: value.float() for name, value in torch.load(path, weights_only=True).items()}


def load(module, weights, published_name=lambda name: name):
    """Gives a module its weights; every one of them has to be used."""
    own = {name: weights[published_name(name)] for name in module.state_dict()}
    left = set(weights) - {published_name(name) for name in own}
    if left:
        raise SystemExit(f"{type(module).__name__} has no use for {sorted(left)[:5]}")
    module.load_state_dict(own)
    return module.eval()


class Networks:
    """All networks of a folder."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.base, ours = folder / BASE, folder / OURS
        sizes = json.loads((ours / "geometry.json").read_text())
        self.tokenizer = check_tokenizer.transformers_tokenizer(
            sentencepiece_model_pb2.ModelProto.FromString(
                (self.base / "google/umt5-xxl/spiece.model").read_bytes()))
        self.transformer = self.make_transformer(sizes["transformer"], ours)
        self.portrait = self.make_portrait(
            sizes["portrait_encoder"], tensors(ours / "portrait_encoder.pt"))
        self.text = self.make_text(sizes["text_encoder"])
        self.tower = self.make_tower(sizes["image_encoder"])
        self.vae = self.make_vae(sizes["vae"])
        tiny = sizes["tiny_vae"]
        self.tiny_vae = load(
            check_tiny_vae.TinyVAE(tiny["decoder_widths"], tiny["encoder_width"]),
            tensors(ours / "fast_vae.pth"))

    def make_transformer(self, sizes, ours):
        weights = {}
        for shard in sorted(glob.glob(str(self.base / "diffusion_pytorch_model-*.safetensors"))):
            weights.update(tensors(shard))
        weights.update(tensors(ours / "transformer.pt"))
        return load(expression_models.Transformer(
            sizes, picture_width=sizes["image_dim"], portrait_width=sizes["portrait_dim"]),
            weights)

    def make_portrait(self, sizes, weights):
        expression_models.PARTS.update(sizes["layout"])
        one = sizes["mouth_proj_model"]
        return load(expression_models.PortraitEncoder(
            one["dim"], one["depth"], one["dim_head"], one["heads"], one["ff_mult"],
            output_dim=sizes["output_dim"]), weights)

    def make_text(self, sizes):
        model = UMT5EncoderModel(UMT5Config(
            vocab_size=sizes["vocab"], d_model=sizes["dim"],
            d_kv=sizes["dim_attn"] // sizes["num_heads"], d_ff=sizes["dim_ffn"],
            num_layers=sizes["num_layers"], num_heads=sizes["num_heads"],
            feed_forward_proj="gated-gelu", relative_attention_num_buckets=sizes["num_buckets"],
            attn_implementation="eager"))
        weights = tensors(self.base / "models_t5_umt5-xxl-enc-bf16.pth")
        return check_umt5.in_float64(
            load(model, weights, lambda name: check_umt5.published_name(name, False)))

    def make_tower(self, sizes):
        files = glob.glob(str(self.base / "models_clip_*.pth"))
        weights = tensors(files[0])
        return check_clip.load(
            CLIPVisionModel(CLIPVisionConfig(
                hidden_size=sizes["dim"], intermediate_size=sizes["dim"] * sizes["mlp_ratio"],
                num_hidden_layers=sizes["num_layers"], num_attention_heads=sizes["num_heads"],
                image_size=sizes["image_size"], patch_size=sizes["patch_size"],
                hidden_act="gelu", layer_norm_eps=1e-5)),
            lambda name, *shape: weights["visual." + name].view(shape))

    def make_vae(self, sizes):
        blocks = sizes["num_res_blocks"]
        model = AutoencoderKLWan(
            base_dim=sizes["dim"], z_dim=sizes["z_dim"], dim_mult=sizes["dim_mult"],
            num_res_blocks=blocks, temperal_downsample=sizes["temperal_downsample"])
        return load(model, tensors(self.base / "Wan2.1_VAE.pth"),
                    lambda name: check_vae.published_name(name, blocks))


# Picture and prompt


def output_size(job, width, height):
    if job.size:
        return job.size
    scale = job.max_size / max(width, height)
    return tuple((int(side * scale) + 15) // 16 * 16 for side in (width, height))


def picture(job, path):
    """Bytes [rows, columns, 3]."""
    image = Image.open(path).convert("RGB")
    columns, rows = output_size(job, *image.size)
    # Rows first, as all versions did before 13, which sometimes begins with columns.
    image = image.resize((columns, image.height), Image.LANCZOS)
    return np.array(image.resize((columns, rows), Image.LANCZOS))


def text_rows(networks, prompt):
    ids = networks.tokenizer(prompt, truncation=True, max_length=512)["input_ids"]
    rows = networks.text(torch.tensor([ids])).last_hidden_state
    return rows[0].float()


def image_rows(networks, bytes_):
    pixels = torch.from_numpy(bytes_).permute(2, 0, 1)[None].float() / 255
    pixels = (pixels - 0.5) / 0.5
    size = networks.tower.config.image_size
    pixels = torch.nn.functional.interpolate(
        pixels, size=(size, size), mode="bicubic", align_corners=False)
    mean, deviation = (
        torch.tensor(v)[:, None, None] for v in (check_clip.MEAN, check_clip.DEVIATION))
    pixels = (pixels * 0.5 + 0.5 - mean) / deviation
    return networks.tower(pixels, output_hidden_states=True).hidden_states[-2][0]


@contextlib.contextmanager
def tiles(vae, are_used):
    vae.use_tiling = are_used
    yield
    vae.use_tiling = False


def condition(networks, job, bytes_, latent_frames):
    """[20, frames, rows / 8, columns / 8]."""
    rows, columns = bytes_.shape[:2]
    video = torch.zeros(1, 3, 4 * (latent_frames - 1) + 1, rows, columns)
    video[0, :, 0] = torch.from_numpy(bytes_).permute(2, 0, 1).float() / 255 * 2 - 1
    with tiles(networks.vae, job.tile_vae):
        latents = check_vae.encode(networks.vae, video)["mode"][0]
    mask = torch.zeros(4, *latents.shape[1:])
    mask[:, 0] = 1
    return torch.cat([mask, latents])


# Clip and windows


def made_features(job, features):
    """Features of every frame that is made, 4 k + 1, and how many frames are kept."""
    count = min(len(features), job.max_frames or len(features))
    features = features[:count]
    if job.length == "published":
        made = (count - 1) // 4 * 4 + 1
        return features[:made], made - 1
    made = math.ceil(count / 4) * 4 + 1
    rows = [features[0], *features]
    rows += [features[-1]] * (made - len(rows))
    return torch.stack(rows), count


def windows(job, count):
    size, overlap = job.context_size, job.context_overlap
    if count <= size:
        return [list(range(count))]
    found = [[j % count for j in range(start, start + size)]
             for start in range(0, count - overlap, size - overlap)]
    found[-1] = [j % count for j in range(count - size, count)]
    return found


# Denoising


def scheduler(job):
    """diffusers' sampler with the published noise levels; one for each window."""
    steps, shift = job.num_inference_steps, job.shift
    if job.sampler == "flow":
        made = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift)
        made.set_timesteps(steps, mu=1)
        return made
    kinds = {
        "flow-unipc": (UniPCMultistepScheduler, {"solver_type": "bh2"}, 0.999),
        "flow-dpm++": (DPMSolverMultistepScheduler, {
            "solver_type": "midpoint", "algorithm_type": "dpmsolver++"}, 1.0)}
    kind, options, first = kinds[job.sampler]
    made = kind(num_train_timesteps=1000, prediction_type="flow_prediction", solver_order=2,
                use_flow_sigmas=True, flow_shift=shift, final_sigmas_type="zero", **options)
    made.set_timesteps(steps)
    sigmas = np.linspace(first, 0, steps + 1)[:steps]
    sigmas = shift * sigmas / (1 + (shift - 1) * sigmas)
    made.timesteps = torch.from_numpy((sigmas * 1000).astype(np.int64))
    made.sigmas = torch.from_numpy(np.append(sigmas, 0).astype(np.float32))
    return made


def velocity(job, step, predict):
    """predict(negative, ip_scale)."""
    skipped = step >= job.num_inference_steps * (1 - job.cfg_skip_ratio)
    text, emo = (1.0, 1.0) if skipped else (job.text_cfg_scale, job.emo_cfg_scale)
    full = predict(False, job.ip_scale)
    if emo > 1:
        plain = predict(False, 0.0)
        if text == 1:
            return plain + emo * (full - plain)
        negative = predict(True, 0.0)
        return negative + text * (plain - negative) + emo * (full - plain)
    if text == 1:
        return full
    negative = predict(True, job.ip_scale)
    return negative + text * (full - negative)


def overlapped(new, old, count):
    """The first `count` frames of a window, blended with what stands there."""
    for j in range(count):
        share = j / (count - 1) if count > 1 else 0.5
        new[:, :, j] = new[:, :, j] * share + old[:, :, j] * (1 - share)
    return new


def portrait_tokens(networks, features, window):
    part = features[None, 4 * window[0]:4 * window[-1] + 1]
    return expression_models.split(networks.portrait(part), part.shape[1])[0]


def denoise(networks, job, made):
    """Latents [1, 16, T, H, W] after every step."""
    latents = made["noise"]
    parts = windows(job, latents.shape[2])
    samplers = [scheduler(job) for _ in parts]
    portraits = [portrait_tokens(networks, made["features"], part) for part in parts]
    tokens = len(parts[0]) * latents.shape[3] * latents.shape[4] // 4
    networks.transformer.riflex = job.riflex_k
    after = []
    for step, timestep in enumerate(samplers[0].timesteps):
        output = torch.zeros_like(latents)
        for number, part in enumerate(parts):
            x = latents[:, :, part]

            def predict(negative, ip_scale, x=x, number=number, timestep=timestep):
                return networks.transformer(
                    x, made["condition"][None], timestep.reshape(1),
                    made["negative_prompt" if negative else "prompt"], made["image"][None],
                    None if ip_scale == 0 else portraits[number], ip_scale, tokens)[0]

            next_ = samplers[number].step(
                velocity(job, step, predict), timestep, x, return_dict=False)[0]
            if number > 0 and step > 0:
                shared = len(set(part) & set(parts[number - 1]))
                next_ = overlapped(next_, output[:, :, part[:shared]], shared)
            output[:, :, part] = next_
        latents = output
        after.append(latents)
    return after


# The whole


def decode(networks, job, latents):
    """[3, frames, rows, columns] in -1 ... 1."""
    if job.tiny_vae:
        return networks.tiny_vae.decode(latents)
    with tiles(networks.vae, job.tile_vae):
        return check_vae.decode(networks.vae, latents[None])["decoded"][0]


@torch.no_grad()
def run(networks, job, image, features):
    """All that is compared, by name.

    - image: a path.
    - features: [frames, width].
    """
    bytes_ = picture(job, image)
    rows, columns = bytes_.shape[:2]
    made = {"picture": bytes_}
    made["features"], kept = made_features(job, features)
    count = (len(made["features"]) - 1) // 4 + 1
    made["windows"] = windows(job, count)
    made["prompt"] = text_rows(networks, job.prompt)
    made["negative_prompt"] = text_rows(networks, job.negative_prompt)
    made["image"] = image_rows(networks, bytes_)
    made["condition"] = condition(networks, job, bytes_, len(made["windows"][0]))
    generator = torch.Generator().manual_seed(job.seed)
    made["noise"] = torch.randn((1, 16, count, rows // 8, columns // 8), generator=generator)
    made["steps"] = [step[0] for step in denoise(networks, job, made)]
    made["latents"] = made["steps"][-1]
    pixels = decode(networks, job, made["latents"])
    frames = ((pixels / 2 + 0.5).clamp(0, 1) * 255).to(torch.uint8)
    made["frames"] = frames[:, 1:1 + kept].permute(1, 2, 3, 0).numpy()
    return made


def read_features(path):
    with safe_open(path, "pt") as file:
        return file.get_tensor("features")
