"""The kernels that compare_pytorch.py times: what our bench is asked for, and the same in
PyTorch."""


def random_tensors(case):
    """A function that makes normal numbers of the case's type, the same in every run."""
    import torch

    torch.manual_seed(1)
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[case.dtype]
    return lambda *shape: torch.randn(shape, dtype=torch.float32).to(dtype)


class Gemm:
    help = "F.linear, weights [n, k]"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--m", type=int, default=4096)
        parser.add_argument("--k", type=int, default=5120)
        parser.add_argument("--n", type=int, default=5120)
        parser.add_argument("--dtype", choices=["bf16", "f32", "int8"], default="bf16")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["gemm", "--m", case.m, "--k", case.k, "--n", case.n, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        import torch.nn.functional as functional

        random = random_tensors(case)
        x, weight = random(case.m, case.k), random(case.n, case.k)
        return lambda: functional.linear(x, weight)


class Attention:
    help = "F.scaled_dot_product_attention, bf16"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--heads", type=int, default=40)
        parser.add_argument("--head-dim", type=int, default=128)
        parser.add_argument("--length", type=int, default=4096)
        parser.set_defaults(dtype="bf16")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["attention", "--heads", case.heads, "--head-dim", case.head_dim,
                "--length", case.length, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        import torch.nn.functional as functional

        random = random_tensors(case)
        shape = (1, case.heads, case.length, case.head_dim)
        query, key, value = random(*shape), random(*shape), random(*shape)
        return lambda: functional.scaled_dot_product_attention(query, key, value)


class Conv:
    help = "F.conv3d, causal 3x3x3, bf16"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--in-channels", type=int, default=96)
        parser.add_argument("--out-channels", type=int, default=96)
        parser.add_argument("--height", type=int, default=128)
        parser.add_argument("--width", type=int, default=128)
        parser.add_argument("--frames", type=int, default=4)
        parser.add_argument("--channels-last", action="store_true", help="PyTorch's memory format")
        parser.set_defaults(dtype="bf16")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["conv", "--in-channels", case.in_channels, "--out-channels", case.out_channels,
                "--height", case.height, "--width", case.width, "--frames", case.frames,
                "--dtype", dtype]

    @staticmethod
    def prepare(case):
        import torch
        import torch.nn.functional as functional

        random = random_tensors(case)
        # A causal convolution: two earlier frames come in front, so every frame has its three.
        x = random(1, case.in_channels, case.frames + 2, case.height, case.width)
        weight = random(case.out_channels, case.in_channels, 3, 3, 3)
        if case.channels_last:
            x = x.to(memory_format=torch.channels_last_3d)
            weight = weight.to(memory_format=torch.channels_last_3d)
        return lambda: functional.conv3d(x, weight, padding=(0, 1, 1))


CASES = {"gemm": Gemm, "attention": Attention, "conv": Conv}
