"""The networks that no public package has, as PyTorch modules written after their description: the
video transformer with the expression branch, the portrait encoder, the split of its tokens, and
the motion encoder.

They are written for comparison, not for speed: whole matrices, float64 where the description has
it, one statement for each of its sentences. Names of parameters are those of the published
checkpoints, so `procedural.fill` needs no table. Shapes of activations have a batch axis.
"""

import math

import torch
from torch import nn
from torch.nn import functional


def attention(q, k, v, heads, mask=None, scale=None):
    """q [b, n, heads * d], k and v [b, m, heads * d]; True in `mask` [m] counts."""
    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    attn_mask = None if mask is None else mask.view(1, 1, 1, -1)
    result = functional.scaled_dot_product_attention(
        split(q), split(k), split(v), attn_mask=attn_mask, scale=scale)
    return result.transpose(1, 2).flatten(2)


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x):
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return wide.to(x.dtype) * self.weight


class LayerNorm(nn.LayerNorm):
    """Computed in float32, given back in the type of what goes in."""

    def forward(self, x):
        weight, bias = (p if p is None else p.float() for p in (self.weight, self.bias))
        return functional.layer_norm(
            x.float(), self.normalized_shape, weight, bias, self.eps).to(x.dtype)


# The video transformer


def sinusoid(timestep, width):
    half = width // 2
    angles = timestep.double()[:, None] * 10000.0 ** (-torch.arange(half).double() / half)
    return torch.cat([angles.cos(), angles.sin()], dim=1).float()


def rotations(grid, head_width, riflex=None):
    """e^(i angle) of every token and pair of channels, complex128 [tokens, pairs].

    `riflex` is the number, from 1, of the frames' frequency that RIFLEx lowers.
    """
    pairs = head_width // 2
    groups = (pairs - 2 * (pairs // 3), pairs // 3, pairs // 3)
    places = torch.meshgrid(*(torch.arange(n).double() for n in grid), indexing="ij")
    turns = [10000.0 ** (-torch.arange(n).double() / max(n, 1)) for n in groups]
    if riflex is not None:
        turns[0][riflex - 1] = 0.9 * 2 * math.pi / grid[0]
    angles = [place.reshape(-1, 1) * turn for place, turn in zip(places, turns, strict=True)]
    angles = torch.cat(angles, dim=1)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x, heads, turns):
    """Turns the first len(turns) tokens of x [1, n, heads * d]; the others stay."""
    count = len(turns)
    pairs = x[0, :count].double().unflatten(-1, (heads, -1, 2))
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turns[:, None])
    return torch.cat([turned.flatten(1), x[0, count:].double()])[None].float()


class SelfAttention(nn.Module):
    def __init__(self, dim, heads, eps):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(dim, eps), RMSNorm(dim, eps)

    def forward(self, x, turns):
        v = self.v(x)
        q = rotate(self.norm_q(self.q(x)), self.heads, turns).to(v.dtype)
        k = rotate(self.norm_k(self.k(x)), self.heads, turns).to(v.dtype)
        counts = torch.arange(x.shape[1]) < len(turns)
        return self.o(attention(q, k, v, self.heads, counts))


class CrossAttention(nn.Module):
    def __init__(self, dim, heads, eps, portrait_width):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o, self.k_img, self.v_img = (
            nn.Linear(dim, dim) for _ in range(6))
        self.norm_q, self.norm_k, self.norm_k_img = (RMSNorm(dim, eps) for _ in range(3))
        self.emo_k_proj = nn.Linear(portrait_width, dim, bias=False)
        self.emo_v_proj = nn.Linear(portrait_width, dim, bias=False)

    def expression(self, q, portrait):
        """portrait: [1, Fe, rows, width] by frame, or [1, rows, width] for all."""
        k, v = self.emo_k_proj(portrait), self.emo_v_proj(portrait)
        if portrait.ndim == 3:
            return attention(q, k, v, self.heads)
        result = torch.zeros_like(q)
        each = q.shape[1] // portrait.shape[1]
        for frame in range(portrait.shape[1]):
            rows = slice(frame * each, (frame + 1) * each)
            result[:, rows] = attention(q[:, rows], k[:, frame], v[:, frame], self.heads)
        return result

    def forward(self, x, context, portrait, ip_scale):
        picture, text = context[:, :257], context[:, 257:]
        q = self.norm_q(self.q(x))
        a = attention(q, self.norm_k(self.k(text)), self.v(text), self.heads)
        a = a + attention(
            q, self.norm_k_img(self.k_img(picture)), self.v_img(picture), self.heads)
        if portrait is not None:
            e = self.expression(q, portrait)
            e = (e - e.mean()) * (a.std() / (e.std() + 1e-5)) + a.mean()
            a = a + ip_scale * e
        return self.o(a)


class Block(nn.Module):
    def __init__(self, dim, ffn, heads, eps, portrait_width):
        super().__init__()
        self.norm = LayerNorm(dim, eps, elementwise_affine=False)
        self.self_attn = SelfAttention(dim, heads, eps)
        self.norm3 = LayerNorm(dim, eps)
        self.cross_attn = CrossAttention(dim, heads, eps, portrait_width)
        self.ffn = nn.Sequential(
            nn.Linear(dim, ffn), nn.GELU(approximate="tanh"), nn.Linear(ffn, dim))
        self.modulation = nn.Parameter(torch.empty(1, 6, dim))

    def forward(self, x, e0, turns, context, portrait, ip_scale):
        work = self.modulation.dtype
        shift1, scale1, gate1, shift2, scale2, gate2 = (
            m[:, None] for m in (self.modulation.float() + e0).unbind(1))
        y = self.self_attn((self.norm(x) * (1 + scale1) + shift1).to(work), turns)
        x = x + gate1 * y
        x = x + self.cross_attn(self.norm3(x).to(work), context, portrait, ip_scale)
        return x + gate2 * self.ffn((self.norm(x) * (1 + scale2) + shift2).to(work))


class Head(nn.Module):
    def __init__(self, dim, outputs, eps):
        super().__init__()
        self.norm = LayerNorm(dim, eps, elementwise_affine=False)
        self.head = nn.Linear(dim, outputs)
        self.modulation = nn.Parameter(torch.empty(1, 2, dim))

    def forward(self, x, e):
        shift, scale = (m[:, None] for m in (self.modulation.float() + e[:, None]).unbind(1))
        return self.head((self.norm(x) * (1 + scale) + shift).to(self.head.weight.dtype))


class Transformer(nn.Module):
    """`model` is the model's part of a case's configuration.

    In bfloat16 (`module.bfloat16()`) the time embedding, norms, modulation and what is added up
    between the parts of a block stay in float32.
    """

    def __init__(self, model, picture_width=1280, portrait_width=2048):
        super().__init__()
        self.model = model
        self.riflex = None
        dim, heads, eps = model["dim"], model["num_heads"], model["eps"]
        _, self.high, self.wide = model["patch_size"]
        patch = (1, self.high, self.wide)
        self.patch_embedding = nn.Conv3d(model["in_dim"], dim, patch, patch)
        self.text_embedding = nn.Sequential(
            nn.Linear(model["text_dim"], dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim))
        self.time_embedding = nn.Sequential(
            nn.Linear(model["freq_dim"], dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.img_emb = nn.Module()
        self.img_emb.proj = nn.Sequential(
            LayerNorm(picture_width), nn.Linear(picture_width, picture_width), nn.GELU(),
            nn.Linear(picture_width, dim), LayerNorm(dim))
        self.blocks = nn.ModuleList(
            Block(dim, model["ffn_dim"], heads, eps, portrait_width)
            for _ in range(model["num_layers"]))
        self.head = Head(dim, self.high * self.wide * model["out_dim"], eps)

    def to_bfloat16(self):
        self.bfloat16()
        self.time_embedding.float()
        self.time_projection.float()
        return self

    def forward(self, x, y, t, context, picture, portrait, ip_scale, seq_len):
        """x [1, c, F, H, W], context [rows, width]; returns the velocity and the states."""
        work = self.patch_embedding.weight.dtype
        tokens = self.patch_embedding(torch.cat([x, y], dim=1).to(work)).float()
        grid = tokens.shape[2:]
        tokens = tokens.flatten(2).transpose(1, 2)
        count = tokens.shape[1]
        tokens = functional.pad(tokens, (0, 0, 0, seq_len - count))
        e = self.time_embedding(sinusoid(t, self.model["freq_dim"]))
        e0 = self.time_projection(e).unflatten(1, (6, -1))
        text = functional.pad(context, (0, 0, 0, self.model["text_len"] - len(context)))
        context = torch.cat(
            [self.img_emb.proj(picture.to(work)), self.text_embedding(text[None].to(work))], dim=1)
        states = {"x_embedded": tokens, "e": e, "e0": e0, "context_embedded": context}
        turns = rotations(grid, self.model["dim"] // self.model["num_heads"], self.riflex)
        portrait = None if portrait is None else portrait.to(work)
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, e0, turns, context, portrait, ip_scale)
            states[f"block{number}"] = tokens
        out = self.head(tokens, e)[0, :count].float()
        out = out.unflatten(1, (self.high, self.wide, -1)).unflatten(0, grid)
        # frames, rows, columns, y, x, channel
        out = out.permute(5, 0, 1, 3, 2, 4)
        return out.flatten(4, 5).flatten(2, 3)[None], states


# The portrait encoder


class PerceiverAttention(nn.Module):
    def __init__(self, dim, dim_head, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = LayerNorm(dim), LayerNorm(dim)
        self.to_q = nn.Linear(dim, dim_head * heads, bias=False)
        self.to_kv = nn.Linear(dim, 2 * dim_head * heads, bias=False)
        self.to_out = nn.Linear(dim_head * heads, dim, bias=False)

    def forward(self, x, latents):
        x, latents = self.norm1(x), self.norm2(latents)
        k, v = self.to_kv(torch.cat([x, latents], dim=1)).chunk(2, dim=-1)
        return self.to_out(attention(self.to_q(latents), k, v, self.heads))


class Resampler(nn.Module):
    def __init__(self, dim, depth, dim_head, heads, num_queries, embedding_dim, output_dim,
                 ff_mult):
        super().__init__()
        self.latents = nn.Parameter(torch.empty(1, num_queries, dim))
        self.proj_in = nn.Linear(embedding_dim, dim)
        self.proj_out = nn.Linear(dim, output_dim)
        self.norm_out = LayerNorm(output_dim)
        wide = int(dim * ff_mult)
        self.layers = nn.ModuleList(
            nn.ModuleList([
                PerceiverAttention(dim, dim_head, heads),
                nn.Sequential(
                    LayerNorm(dim), nn.Linear(dim, wide, bias=False), nn.GELU(),
                    nn.Linear(wide, dim, bias=False))])
            for _ in range(depth))

    def forward(self, x):
        """[items, rows, embedding_dim] to [items, num_queries, output_dim]."""
        latents = self.latents.expand(len(x), -1, -1)
        x = self.proj_in(x)
        for attend, feed in self.layers:
            latents = attend(x, latents) + latents
            latents = feed(latents) + latents
        return self.norm_out(self.proj_out(latents))


PARTS = {"headpose": 6, "eye": 6, "emo": 30, "mouth": 512}


class FourWayProjection(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.headpose_proj, self.eye_proj, self.emo_proj, self.mouth_proj = (
            nn.Linear(size, width, bias=False) for size in PARTS.values())
        self.norm = LayerNorm(width)

    def forward(self, features):
        """[batch, frames, 554] to [batch, 4 * frames, width]."""
        parts = features.split(list(PARTS.values()), dim=-1)
        layers = (self.headpose_proj, self.eye_proj, self.emo_proj, self.mouth_proj)
        rows = [self.norm(layer(part)) for layer, part in zip(layers, parts, strict=True)]
        return torch.stack(rows, dim=2).flatten(1, 2)


class PortraitEncoder(nn.Module):
    def __init__(self, dim=1280, depth=4, dim_head=64, heads=20, ff_mult=4, mouth_queries=16,
                 emo_queries=4, output_dim=2048):
        super().__init__()
        self.proj_model = FourWayProjection(output_dim)
        self.mouth_proj_model = Resampler(
            dim, depth, dim_head, heads, mouth_queries, PARTS["mouth"], output_dim, ff_mult)
        self.emo_proj_model = Resampler(
            dim, depth, dim_head, heads, emo_queries, PARTS["emo"], output_dim, ff_mult)

    def forward(self, features):
        """[batch, frames, 554] to [batch, 24 * frames, output_dim]."""
        batch, frames = features.shape[:2]
        _, _, emo, mouth = features.flatten(0, 1)[:, None].split(list(PARTS.values()), dim=-1)
        four = self.proj_model(features).unflatten(1, (frames, 4)).flatten(0, 1)
        rows = torch.cat([four, self.mouth_proj_model(mouth), self.emo_proj_model(emo)], dim=1)
        return rows.unflatten(0, (batch, frames)).flatten(1, 2)


def split_ranges(count, frames):
    """First and last row, both included, that each latent frame takes of `count` rows."""
    each = count / frames
    reach = int(each * 4 / 2)
    ranges = []
    for latent in range((frames - 1) // 4 + 1):
        centre = 0
        if latent > 0:
            centre = int((each * ((latent - 1) * 4 + 1) + each * (latent * 4 + 1)) / 2) - 1
        ranges.append((centre - reach, centre + reach))
    start = ranges[1][0]
    ranges[0] = (-(2 * reach - start), start)
    return ranges


def split(tokens, frames):
    """[batch, rows, width] to [batch, latent frames, rows of each, width], and the real rows."""
    pieces, lengths = [], []
    for first, last in split_ranges(tokens.shape[1], frames):
        taken = [row for row in range(first, last + 1) if 0 <= row < tokens.shape[1]]
        piece = tokens[:, taken]
        lengths.append(len(taken))
        pieces.append(functional.pad(piece, (0, 0, 0, last - first + 1 - len(taken))))
    return torch.stack(pieces, dim=1), lengths


# The motion encoder


class ConvolutionBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        widths = (inputs, half, quarter, quarter)
        for number in (1, 2, 3):
            setattr(self, f"bn{number}", nn.BatchNorm2d(widths[number - 1]))
            setattr(self, f"conv{number}", nn.Conv2d(
                widths[number - 1], widths[number], 3, padding=1, bias=False))
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x):
        one = self.conv1(self.bn1(x).relu())
        two = self.conv2(self.bn2(one).relu())
        three = self.conv3(self.bn3(two).relu())
        past = x if self.downsample is None else self.downsample(x)
        return torch.cat([one, two, three], dim=1) + past


class Hourglass(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        self.depth = depth
        for level in range(1, depth + 1):
            for place in ("b1", "b2", "b3"):
                setattr(self, f"{place}_{level}", ConvolutionBlock(width, width))
        self.b2_plus_1 = ConvolutionBlock(width, width)

    def level(self, x, level):
        upper = getattr(self, f"b1_{level}")(x)
        low = getattr(self, f"b2_{level}")(functional.max_pool2d(x, 2))
        low = self.level(low, level - 1) if level > 1 else self.b2_plus_1(low)
        low = getattr(self, f"b3_{level}")(low)
        return upper + functional.interpolate(
            low, size=upper.shape[-2:], mode="bilinear", align_corners=False)

    def forward(self, x):
        return self.level(x, self.depth)


class Face(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = ConvolutionBlock(64, 128)
        self.conv3 = ConvolutionBlock(128, 128)
        self.conv4 = ConvolutionBlock(128, 256)
        self.m0 = Hourglass(4, 256)
        self.top_m_0 = ConvolutionBlock(256, 256)
        self.conv_last0 = nn.Conv2d(256, 256, 1)
        self.bn_end0 = nn.BatchNorm2d(256)
        self.l0 = nn.Conv2d(256, 68, 1)
        self.bn5 = nn.BatchNorm2d(68)
        self.conv6 = nn.Conv2d(68, 1, 3, 2, 1)
        self.fc = nn.Linear(28 * 28, 512)

    def forward(self, pixels, states):
        x = self.bn1(self.conv1(pixels)).relu()
        x = functional.max_pool2d(self.conv2(x), 2)
        states["conv4"] = x = self.conv4(self.conv3(x))
        states["hourglass"] = x = self.m0(x)
        x = self.l0(self.bn_end0(self.conv_last0(self.top_m_0(x))).relu())
        x = self.conv6(self.bn5(x).relu()).flatten(1).relu()
        states["features"] = x = self.fc(x)
        return x


class MotionEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Face()
        for part, width in PARTS.items():
            setattr(self, f"to_{part}", nn.Sequential(
                nn.Linear(512, 512), nn.ReLU(), nn.BatchNorm1d(512), nn.Linear(512, 512)))
            if part != "mouth":
                setattr(self, f"{part}_embed", nn.Sequential(nn.ReLU(), nn.Linear(512, width)))

    def forward(self, bgr):
        """bgr: bytes [crops, 224, 224, 3]. Returns the parts and the states."""
        pixels = bgr.flip(-1).permute(0, 3, 1, 2).float() / 255 * 2 - 1
        states = {"pixels": pixels}
        features = self.model(pixels.to(self.model.fc.weight.dtype), states)
        parts = {}
        for part in PARTS:
            parts[part] = getattr(self, f"to_{part}")(features)
            if part != "mouth":
                parts[part] = getattr(self, f"{part}_embed")(parts[part])
        return parts, states
