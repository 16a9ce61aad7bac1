"""The networks that compare_pytorch.py times: what our bench is asked for, and the same in PyTorch
with diffusers or transformers."""


def reference_module(name):
    """A module of scripts/reference: networks that no package has."""
    import importlib
    import pathlib
    import sys

    sys.path.append(str(pathlib.Path(__file__).parents[1] / "reference"))
    return importlib.import_module(name)


class Dit:
    help = "blocks of diffusers' Wan transformer, which lacks the expression branch"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--layers", type=int, default=1)
        parser.add_argument("--frames", type=int, default=4, help="latent frames")
        parser.add_argument("--height", type=int, default=64, help="latent rows")
        parser.add_argument("--width", type=int, default=64, help="latent columns")
        parser.add_argument("--branches", type=int, default=1, help="guidance branches of both")
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
        parser.add_argument("--geometry", default="14b")
        parser.set_defaults(repeat=1)

    @staticmethod
    def bench_arguments(case, dtype):
        return ["dit", "--geometry", case.geometry, "--layers", case.layers,
                "--frames", case.frames, "--height", case.height, "--width", case.width,
                "--branches", case.branches, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        """The blocks alone, keys and values of prompt and picture included: diffusers makes them in
        every call."""
        import torch
        from diffusers.models.transformers.transformer_wan import (
            WanRotaryPosEmbed, WanTransformerBlock)

        heads = {"14b": 40, "1.3b": 12}[case.geometry]
        inner = {"14b": 13824, "1.3b": 8960}[case.geometry]
        width = heads * 128
        dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
        torch.manual_seed(1)
        blocks = [
            WanTransformerBlock(width, inner, heads, cross_attn_norm=True, added_kv_proj_dim=width)
            .to(dtype).eval() for _ in range(case.layers)]
        latents = torch.zeros(1, 16, case.frames, case.height, case.width)
        rotary = WanRotaryPosEmbed(128, (1, 2, 2), 1024)(latents)
        tokens = case.frames * (case.height // 2) * (case.width // 2)
        x = torch.randn(case.branches, tokens, width).to(dtype)
        context = torch.randn(case.branches, 257 + 512, width).to(dtype)
        time = torch.randn(case.branches, 6, width) * 0.1

        def call():
            hidden = x
            for block in blocks:
                hidden = block(hidden, context, time, rotary)
            return hidden

        return call


class TinyVAE:
    help = "the decoder of the tiny video autoencoder, all frames at once, in scripts/reference"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--frames", type=int, default=5, help="latent frames")
        parser.add_argument("--height", type=int, default=256, help="rows in pixels")
        parser.add_argument("--width", type=int, default=256, help="columns in pixels")
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
        parser.set_defaults(repeat=1)

    @staticmethod
    def bench_arguments(case, dtype):
        return ["tiny-vae", "--frames", case.frames, "--height", case.height,
                "--width", case.width, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        import torch

        check_tiny_vae = reference_module("check_tiny_vae")
        dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
        torch.manual_seed(1)
        model = check_tiny_vae.TinyVAE((256, 128, 64, 64), 64).to(dtype).eval()
        # The order in memory that its convolutions are fastest with.
        model = model.to(memory_format=torch.channels_last)
        latents = torch.randn(16, case.frames, case.height // 8, case.width // 8).to(dtype)
        return lambda: model.decode(latents)


class T5:
    help = "blocks of transformers' UMT5 encoder at the sizes of UMT5-XXL"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--layers", type=int, default=1)
        parser.add_argument("--length", type=int, default=512, help="tokens")
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
        parser.add_argument("--attention", choices=["eager", "sdpa"], default="eager",
                            help="of PyTorch")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["t5", "--layers", case.layers, "--length", case.length, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        """The whole encoder with few blocks; its token table has few rows, as in our bench."""
        import torch
        from transformers import UMT5Config, UMT5EncoderModel

        dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
        torch.manual_seed(1)
        config = UMT5Config(
            vocab_size=1024, d_model=4096, d_kv=64, d_ff=10240, num_heads=64,
            num_layers=case.layers, attn_implementation=case.attention)
        model = UMT5EncoderModel(config).to(dtype).eval()
        ids = torch.arange(case.length)[None] * 7919 % 1024
        return lambda: model(ids)


class VAE:
    help = "diffusers' AutoencoderKLWan"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--mode", choices=["decode", "encode"], default="decode")
        parser.add_argument("--frames", type=int, default=5, help="latent frames")
        parser.add_argument("--height", type=int, default=256, help="rows of pixels")
        parser.add_argument("--width", type=int, default=256, help="columns of pixels")
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
        parser.set_defaults(repeat=1)

    @staticmethod
    def bench_arguments(case, dtype):
        return ["vae", "--mode", case.mode, "--frames", case.frames, "--height", case.height,
                "--width", case.width, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        """The published sizes."""
        import torch
        from diffusers import AutoencoderKLWan

        dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
        torch.manual_seed(1)
        model = AutoencoderKLWan().to(dtype).eval()
        if case.mode == "decode":
            latents = torch.randn(1, 16, case.frames, case.height // 8, case.width // 8).to(dtype)
            return lambda: model.decode(latents)
        pixels = torch.randn(1, 3, 4 * case.frames - 3, case.height, case.width).to(dtype)
        return lambda: model.encode(pixels)


class Motion:
    help = "the motion encoder of scripts/reference/expression_models.py"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--crops", type=int, default=8)
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="f32")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["motion", "--crops", case.crops, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        import torch

        dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
        torch.manual_seed(1)
        model = reference_module("expression_models").MotionEncoder().to(dtype).eval()
        crops = torch.randint(0, 256, (case.crops, 224, 224, 3), dtype=torch.uint8)
        return lambda: model(crops)


class Clip:
    help = "transformers' CLIP image tower at the sizes of ViT-H/14, but for the last block"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--pictures", type=int, default=1)
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["clip", "--pictures", case.pictures, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        """As many blocks as ours runs: the last one's result is not used."""
        import torch
        from transformers import CLIPVisionConfig, CLIPVisionModel

        dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
        torch.manual_seed(1)
        config = CLIPVisionConfig(
            hidden_size=1280, intermediate_size=5120, num_hidden_layers=31,
            num_attention_heads=16, image_size=224, patch_size=14, hidden_act="gelu")
        model = CLIPVisionModel(config).to(dtype).eval()
        pixels = torch.randn(case.pictures, 3, 224, 224).to(dtype)
        return lambda: model(pixels)


CASES = {"clip": Clip, "dit": Dit, "motion": Motion, "t5": T5, "tiny-vae": TinyVAE, "vae": VAE}
