"""The networks that compare_pytorch.py times: what our bench is asked for, and the same in PyTorch
with diffusers or transformers."""


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


CASES = {"dit": Dit}
