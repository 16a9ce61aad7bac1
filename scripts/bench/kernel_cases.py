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
    help = "F.conv3d, causal; F.conv2d where the kernel has one frame"

    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--in-channels", type=int, default=96)
        parser.add_argument("--out-channels", type=int, default=96)
        parser.add_argument("--height", type=int, default=128)
        parser.add_argument("--width", type=int, default=128)
        parser.add_argument("--frames", type=int, default=4)
        parser.add_argument("--kernel-frames", type=int, default=3, help="1 for pictures")
        parser.add_argument("--kernel", type=int, default=3, help="rows and columns")
        parser.add_argument("--stride", type=int, default=1, help="of rows and columns")
        parser.add_argument("--groups", type=int, default=1)
        parser.add_argument("--channels-last", action="store_true", help="PyTorch's memory format")
        parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")

    @staticmethod
    def bench_arguments(case, dtype):
        return ["conv", "--in-channels", case.in_channels, "--out-channels", case.out_channels,
                "--height", case.height, "--width", case.width, "--frames", case.frames,
                "--kernel-frames", case.kernel_frames, "--kernel", case.kernel,
                "--stride", case.stride, "--groups", case.groups, "--dtype", dtype]

    @staticmethod
    def prepare(case):
        import torch
        import torch.nn.functional as functional

        random = random_tensors(case)
        kernel, padding, inputs = case.kernel, (case.kernel - 1) // 2, case.in_channels
        if case.kernel_frames == 1:
            x = random(case.frames, inputs, case.height, case.width)
            weight = random(case.out_channels, inputs // case.groups, kernel, kernel)
            if case.channels_last:
                x = x.to(memory_format=torch.channels_last)
                weight = weight.to(memory_format=torch.channels_last)
            return lambda: functional.conv2d(
                x, weight, stride=case.stride, padding=padding, groups=case.groups)
        # A causal convolution: earlier frames come in front, so every frame has all of its own.
        x = random(1, inputs, case.frames + case.kernel_frames - 1, case.height, case.width)
        weight = random(
            case.out_channels, inputs // case.groups, case.kernel_frames, kernel, kernel)
        if case.channels_last:
            x = x.to(memory_format=torch.channels_last_3d)
            weight = weight.to(memory_format=torch.channels_last_3d)
        stride = (1, case.stride, case.stride)
        return lambda: functional.conv3d(
            x, weight, stride=stride, padding=(0, padding, padding), groups=case.groups)


CASES = {"gemm": Gemm, "attention": Attention, "conv": Conv}
