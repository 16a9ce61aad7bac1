"""Networks of the kinds that detectors, landmark regressors and small transformers are made of,
with random weights, for check_onnx.py."""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass
class Case:
    model: nn.Module
    shape: tuple
    outputs: int = 1
    dynamic: dict = None  # axis -> name
    runs_at: tuple = None  # another shape, where axes are dynamic
    opsets: tuple = (9, 11, 13, 17)

    def input(self, shape=None):
        generator = torch.Generator().manual_seed(7)
        return torch.randn(shape or self.shape, generator=generator)


def conv_bn(inputs, outputs, kernel=3, stride=1, groups=1, act=nn.ReLU):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))


class ShuffleUnit(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        half = outputs // 2
        self.stride = stride
        entry = inputs if stride > 1 else half
        self.side = (
            nn.Sequential(
                conv_bn(inputs, inputs, 3, stride, inputs, None),
                conv_bn(inputs, half, 1, act=nn.LeakyReLU),
            )
            if stride > 1
            else None
        )
        self.main = nn.Sequential(
            conv_bn(entry, half, 1, act=nn.LeakyReLU),
            conv_bn(half, half, 3, stride, half, None),
            conv_bn(half, half, 1, act=nn.LeakyReLU),
        )

    def forward(self, x):
        if self.side is None:
            kept, x = x.chunk(2, dim=1)
            x = torch.cat((kept, self.main(x)), 1)
        else:
            x = torch.cat((self.side(x), self.main(x)), 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Detector(nn.Module):
    """ShuffleNetV2, a pyramid of features, and heads of scores and box distributions."""

    def __init__(self, widths=(24, 116, 232, 464), repeats=(4, 8, 4), neck=96):
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn(3, widths[0], 3, 2, act=nn.LeakyReLU), nn.MaxPool2d(3, 2, 1)
        )
        stages = []
        for inputs, outputs, count in zip(widths, widths[1:], repeats):
            units = [ShuffleUnit(inputs, outputs, 2)]
            units += [ShuffleUnit(outputs, outputs, 1) for _ in range(count - 1)]
            stages.append(nn.Sequential(*units))
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(nn.Conv2d(w, neck, 1) for w in widths[1:])
        self.towers = nn.ModuleList(
            nn.Sequential(
                conv_bn(neck, neck, 3, 1, neck, nn.LeakyReLU),
                conv_bn(neck, neck, 1, act=nn.LeakyReLU),
                conv_bn(neck, neck, 3, 1, neck, nn.LeakyReLU),
                conv_bn(neck, neck, 1, act=nn.LeakyReLU),
            )
            for _ in range(3)
        )
        self.heads = nn.ModuleList(nn.Conv2d(neck, 1 + 32, 1) for _ in range(3))

    def forward(self, x):
        x = self.stem(x)
        levels = []
        for stage, lateral in zip(self.stages, self.lateral):
            x = stage(x)
            levels.append(lateral(x))
        a, b, c = levels
        b = b + F.interpolate(c, size=b.shape[2:], mode="bilinear", align_corners=False)
        a = a + F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)
        b = b + F.interpolate(a, size=b.shape[2:], mode="bilinear", align_corners=False)
        c = c + F.interpolate(b, size=c.shape[2:], mode="bilinear", align_corners=False)
        scores, boxes = [], []
        for level, tower, head in zip((a, b, c), self.towers, self.heads):
            score, box = head(tower(level)).split([1, 32], dim=1)
            scores.append(score.sigmoid().flatten(2).permute(0, 2, 1))
            boxes.append(box.flatten(2).permute(0, 2, 1))
        return (*scores, *boxes)


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down = nn.Conv2d(channels, channels // 4, 1)
        self.up = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        gate = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.up(F.relu(self.down(gate))))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, ratio=4, act=nn.ReLU6, excite=False):
        super().__init__()
        width = inputs * ratio
        layers = [
            conv_bn(inputs, width, 1, act=act),
            conv_bn(width, width, 3, stride, width, act),
        ]
        if excite:
            layers.append(SqueezeExcite(width))
        self.body = nn.Sequential(*layers, conv_bn(width, outputs, 1, act=None))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class Landmarks(nn.Module):
    """A MobileNet whose last features give landmarks, angles and a probability."""

    def __init__(self, act=nn.ReLU6, excite=False, widths=(16, 24, 40, 80), points=222):
        super().__init__()
        blocks = []
        for inputs, outputs in zip(widths, widths[1:]):
            blocks += [Inverted(inputs, outputs, 2, act=act, excite=excite)]
            blocks += [Inverted(outputs, outputs, 1, act=act, excite=excite)]
        self.features = nn.Sequential(conv_bn(3, widths[0], 3, 2, act=act), *blocks)
        self.landmarks = nn.Linear(widths[-1], 2 * points)
        self.angles = nn.Linear(widths[-1], 3)
        self.face = nn.Linear(widths[-1], 1)

    def forward(self, x):
        x = self.features(x).mean((2, 3))
        points = self.landmarks(x).reshape(x.shape[0], 2, -1)
        return points, self.angles(x), self.face(x).sigmoid()


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.a = conv_bn(inputs, outputs, 3, stride)
        self.b = conv_bn(outputs, outputs, 3, act=None)
        plain = stride == 1 and inputs == outputs
        self.side = nn.Identity() if plain else conv_bn(inputs, outputs, 1, stride, act=None)

    def forward(self, x):
        return F.relu(self.b(self.a(x)) + self.side(x))


def resnet():
    stages = [Residual(64, 64), Residual(64, 128, 2), Residual(128, 128), Residual(128, 256, 2)]
    return nn.Sequential(
        conv_bn(3, 64, 7, 2),
        nn.MaxPool2d(3, 2, 1),
        *stages,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(256, 100),
        nn.LogSoftmax(1),
    )


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        inner = 4 * width
        self.mlp = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        q, k, v = (
            t.reshape(n, length, self.heads, -1).permute(0, 2, 1, 3) for t in (q, k, v)
        )
        scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
        mixed = (scores.softmax(-1) @ v).permute(0, 2, 1, 3).reshape(n, length, width)
        x = x + self.out(mixed)
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self, width=96, patch=16, size=128, depth=4):
        super().__init__()
        self.patch = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.1)
        self.blocks = nn.Sequential(*(Block(width, 3) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 136)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


class Hourglass(nn.Module):
    def __init__(self, width=64, depth=3):
        super().__init__()
        self.side = Residual(width, width)
        self.down = Residual(width, width)
        self.inner = Hourglass(width, depth - 1) if depth > 1 else Residual(width, width)
        self.up = Residual(width, width)

    def forward(self, x):
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.side(x) + F.interpolate(low, scale_factor=2, mode="nearest")


class Stacked(nn.Module):
    def __init__(self, act=nn.PReLU):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 64, 7, 2), nn.AvgPool2d(2))
        self.body = Hourglass()
        self.maps = nn.Sequential(conv_bn(64, 64, 1, act=lambda: act(64)), nn.Conv2d(64, 29, 1))

    def forward(self, x):
        maps = self.maps(self.body(self.stem(x)))
        n, c, h, w = maps.shape
        share = maps.flatten(2).softmax(-1).reshape(n, c, h, w)
        columns = torch.arange(w, dtype=torch.float32)
        rows = torch.arange(h, dtype=torch.float32)
        x = (share.sum(2) * columns).sum(-1)
        y = (share.sum(3) * rows).sum(-1)
        return maps, torch.stack((x, y), -1)


class UNet(nn.Module):
    def __init__(self, widths=(24, 48, 96)):
        super().__init__()
        a, b, c = widths
        self.a = nn.Sequential(nn.Conv2d(3, a, 3, padding=1), nn.GroupNorm(4, a), nn.SiLU())
        norm = nn.InstanceNorm2d(b, affine=True)
        self.b = nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), norm, nn.ELU())
        self.c = nn.Sequential(nn.Conv2d(b, c, 3, 2, 1, dilation=1), nn.BatchNorm2d(c), nn.Mish())
        self.up1 = nn.ConvTranspose2d(c, b, 4, 2, 1)
        self.mix1 = conv_bn(2 * b, b, act=nn.Hardswish)
        self.mix2 = conv_bn(a + b, a, act=nn.SiLU)
        self.out = nn.ConvTranspose2d(a, 3, 3, 2, 1, output_padding=1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(a)
        c = self.c(b)
        y = self.mix1(torch.cat([self.up1(c), b], 1))
        y = F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=True)
        y = self.mix2(torch.cat([y, a], 1))
        return torch.tanh(self.out(F.pad(y, (1, 1, 1, 1), mode="reflect")))


class Wave(nn.Module):
    """One and three dimensions."""

    def __init__(self):
        super().__init__()
        self.line = nn.Sequential(nn.Conv1d(8, 24, 5, 2, 2, groups=4), nn.ReLU(), nn.MaxPool1d(2))
        self.volume = nn.Conv3d(2, 6, 3, padding=1, stride=(1, 2, 2))
        self.up = nn.ConvTranspose1d(24, 5, 4, 2, 1)

    def forward(self, x):
        y = self.up(self.line(x))
        z = F.avg_pool3d(self.volume(x.reshape(x.shape[0], 2, 4, 8, -1)), 2)
        return y, z


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
        elif name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return model.eval()


def small_cases(seed):
    """Networks of a few kilobytes: Tests/ONNXTests/Fixtures."""
    torch.manual_seed(seed)
    free = {0: "batch", 2: "rows", 3: "columns"}
    small = Landmarks(nn.Hardswish, True, widths=(8, 8, 12), points=9)
    made = {
        "detector": Case(
            Detector((8, 16, 24, 32), (1, 2, 1), 16), (2, 3, 64, 96), 6, free, (3, 3, 80, 56)
        ),
        "landmarks": Case(small, (2, 3, 32, 32), 3, {0: "batch"}, (3, 3, 32, 32)),
        "vit": Case(VisionTransformer(24, 8, 32, 1), (2, 3, 32, 32)),
        "unet": Case(UNet((8, 8, 12)), (1, 3, 20, 28)),
        "wave": Case(Wave(), (2, 8, 64), 2),
    }
    return randomized(made, seed)


def cases(seed):
    torch.manual_seed(seed)
    batch = {0: "batch"}
    free = {0: "batch", 2: "rows", 3: "columns"}
    made = {
        "detector": Case(Detector(), (1, 3, 272, 160), outputs=6),
        "detector_dynamic": Case(
            Detector(), (2, 3, 272, 160), 6, free, (3, 3, 96, 128), (11, 16)
        ),
        "landmarks_v2": Case(Landmarks(), (1, 3, 128, 128), 3),
        "landmarks_v3": Case(
            Landmarks(nn.Hardswish, True), (1, 3, 128, 128), 3, opsets=(11, 14, 18)
        ),
        "landmarks_batch": Case(
            Landmarks(), (2, 3, 128, 128), 3, batch, (5, 3, 128, 128), (11, 17)
        ),
        "resnet": Case(resnet(), (1, 3, 224, 224)),
        "vit": Case(VisionTransformer(), (1, 3, 128, 128)),
        "vit_batch": Case(
            VisionTransformer(), (2, 3, 128, 128), 1, batch, (3, 3, 128, 128), (13, 18)
        ),
        "hourglass": Case(Stacked(), (1, 3, 256, 256), 2),
        "unet": Case(UNet(), (1, 3, 96, 72), opsets=(11, 13, 17, 20)),
        "wave": Case(Wave(), (2, 8, 256), 2),
    }
    return randomized(made, seed)


def randomized(made, seed):
    for case in made.values():
        with torch.no_grad():
            randomize(case.model, seed)
    return made
