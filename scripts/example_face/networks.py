"""Two small networks with the published networks' inputs and outputs, and their files."""

import io

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional


def convolution(inputs, outputs, size=3, stride=1, groups=1, active=nn.ReLU):
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
              nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([active(inplace=True)] if active else []))


class Separable(nn.Module):
    """Depthwise, then pointwise; with a way round where the shape stays."""

    def __init__(self, inputs, outputs, stride=1, active=nn.ReLU):
        super().__init__()
        self.depth = convolution(inputs, inputs, 3, stride, inputs, active)
        self.point = convolution(inputs, outputs, 1, active=None)
        self.skip = stride == 1 and inputs == outputs
        self.active = active(inplace=True)

    def forward(self, x):
        y = self.point(self.depth(x))
        return self.active(x + y if self.skip else y)


class Detector(nn.Module):
    """NanoDet's interface: [1, 3, 272, 160] to three score maps, then three box maps."""

    WIDTH = 32

    def __init__(self):
        super().__init__()
        act, width = nn.Hardswish, self.WIDTH
        self.stem = nn.Sequential(
            convolution(3, 16, stride=2, active=act), nn.MaxPool2d(3, 2, 1))
        self.levels = nn.ModuleList([
            nn.Sequential(Separable(16, 32, 2, act), Separable(32, 32, 1, act),
                          Separable(32, 32, 1, act)),
            nn.Sequential(Separable(32, 64, 2, act), Separable(64, 64, 1, act)),
            nn.Sequential(Separable(64, 96, 2, act), Separable(96, 96, 1, act))])
        self.lateral = nn.ModuleList(
            [convolution(inputs, width, 1, active=act) for inputs in (32, 64, 96)])
        self.merged = nn.ModuleList([Separable(2 * width, width, 1, act) for _ in range(2)])
        self.heads = nn.ModuleList([
            nn.Sequential(Separable(width, width, 1, act), Separable(width, width, 1, act),
                          nn.Conv2d(width, 33, 1)) for _ in range(3)])
        for head in self.heads:
            nn.init.constant_(head[-1].bias[0], -4)

    def forward(self, x):
        x = self.stem(x)
        maps = []
        for level, lateral in zip(self.levels, self.lateral):
            x = level(x)
            maps.append(lateral(x))
        for index in (1, 0):
            larger = functional.interpolate(maps[index + 1], size=maps[index].shape[2:])
            maps[index] = self.merged[index](torch.cat([maps[index], larger], dim=1))
        scores, boxes = [], []
        for head, value in zip(self.heads, maps):
            value = head(value).flatten(2).permute(0, 2, 1)
            scores.append(value[:, :, :1].sigmoid())
            boxes.append(value[:, :, 1:])
        return (*scores, *boxes)


class Landmarks(nn.Module):
    """[1, 3, 128, 128] to 444 coordinates, 3 angles in radians, and the face's probability."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, 16, stride=2), Separable(16, 24, 2), Separable(24, 24),
            Separable(24, 40, 2), Separable(40, 40), Separable(40, 40),
            Separable(40, 64, 2), Separable(64, 64), Separable(64, 64), Separable(64, 64),
            Separable(64, 96, 2), convolution(96, 48, 1), nn.Flatten(1),
            nn.Linear(48 * 16, 72), nn.ReLU(inplace=True))
        self.points = nn.Linear(72, 444)
        self.angles = nn.Linear(72, 3)
        self.face = nn.Linear(72, 1)

    def forward(self, x):
        x = self.features(x)
        return self.points(x), self.angles(x), self.face(x).sigmoid()


def export(module, shape, names, half):
    """The network as ONNX (opset 13); with `half`, larger weights are float16 and cast back."""
    file = io.BytesIO()
    torch.onnx.export(
        module.eval(), (torch.zeros(shape),), file, input_names=["input"], output_names=names,
        opset_version=13, dynamo=False, do_constant_folding=True)
    model = onnx.load_from_string(file.getvalue())
    if half:
        store_as_half(model.graph)
    onnx.checker.check_model(model)
    return model


def store_as_half(graph):
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != "float32" or values.size < 256:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
