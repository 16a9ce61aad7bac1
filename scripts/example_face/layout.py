"""Where the 222 landmarks of the example's face are, placed by hand on the photograph.

The photograph is scikit-image's `astronaut`, 512 x 512; all coordinates here are in its pixels, a
pixel's centre at whole numbers. The published network has 222 points as well, of which only groups
and seven points are known; the rest is our choice:

    0-32     contour, from the left ear over the chin (16) to the right ear
    33-47    nose: bridge 33-35, tip 36, then the wings and the base from left to right
    48-60    left brow: upper edge from left to right, lower edge back; 61-73 right brow, the same
    74-95    left eye: left corner, upper lid, right corner (85), lower lid back; 96-117 right eye
    118-149  outer lips: upper edge from left to right, right corner 133, lower edge back, left
             corner 149; 150-181 inner lips, the same
    182-201  left pupil: centre, then the rim of the iris; 202-221 right pupil

Left and right are the picture's.
"""

import numpy as np
from scipy.interpolate import CubicSpline

COUNT = 222
CONTOUR = slice(0, 33)
NOSE = slice(33, 48)
BROWS = slice(48, 61), slice(61, 74)
EYES = slice(74, 96), slice(96, 118)
OUTER_LIPS, INNER_LIPS = slice(118, 150), slice(150, 182)
PUPILS = slice(182, 202), slice(202, 222)
GROUPS = (CONTOUR, NOSE, slice(48, 74), *EYES, slice(118, 182), *PUPILS)

CONTOUR_LINE = [
    (181.6, 99), (181.0, 110), (181.2, 120), (181.6, 130), (182.6, 140), (184.6, 148),
    (187.8, 155), (192, 161), (197.2, 166.3), (203, 171), (209, 175), (215.5, 177.7),
    (222.5, 178.8), (231, 177.9), (238, 175), (245, 170.4), (251, 164.8), (256, 158.8),
    (259.6, 153), (262.6, 146), (264.8, 137), (266.4, 127), (267.6, 116), (268, 103)]
NOSE_BRIDGE = [(223.6, 103), (223.3, 110.5), (223.0, 118), (222.8, 126)]
NOSE_BASE = [
    (212.6, 121), (210.8, 126), (212.6, 129.8), (216, 130.8), (219.6, 132.2), (223.4, 133.2),
    (227.6, 132.6), (231.4, 131.4), (234.6, 130.4), (236.2, 126.6), (234.2, 121.6)]
BROW_LINES = [
    [(188.8, 90.2), (193, 88.8), (197.5, 88.3), (203, 89.3), (208, 90.6), (213, 92.3)],
    [(237.6, 92.9), (243, 92.2), (249, 91.6), (254.5, 92), (258.6, 93.4), (262, 95.8)]]
BROW_HEIGHT = 1.8
UPPER_LIDS = [
    [(190.6, 101.2), (193, 98.9), (196, 97.4), (199, 96.9), (203, 96.9), (206.5, 97.6),
     (209.4, 99.2), (211.8, 101.4), (213.2, 103.2)],
    [(235.8, 104.9), (238, 102.4), (241, 100), (244, 98.9), (248, 98.8), (252, 99.7),
     (255, 101.3), (257.6, 103.2), (259, 104.8)]]
LOWER_LIDS = [
    [(190.6, 101.2), (194.4, 102.4), (198, 103.6), (202, 104.5), (206, 104.7), (209.6, 104.2),
     (213.2, 103.2)],
    [(235.8, 104.9), (239, 105.6), (242.4, 106.3), (246.4, 106.7), (250.4, 106.4), (254.6, 105.7),
     (259, 104.8)]]
IRISES = [(202.7, 100.8, 3.9), (245.6, 102.8, 4.0)]  # x, y, radius
UPPER_LIP = [
    (202.3, 139.2), (206, 139.3), (210, 139.4), (214, 139.1), (218, 138.7), (220.6, 138.6),
    (223.2, 139.2), (226, 138.8), (231, 139.3), (237, 139.8), (241, 139.9), (244.3, 140.2)]
UPPER_LIP_INSIDE = [
    (203.3, 139.9), (206.4, 141), (210, 141.9), (215, 142.9), (219, 143.5), (223.4, 143.7),
    (228, 143.3), (233, 142.4), (238, 141.4), (241, 140.8), (243.5, 140.6)]
LOWER_LIP_INSIDE = [
    (203.3, 139.9), (206, 143.2), (209.4, 145.9), (213, 147.9), (217, 149), (221.5, 149.4),
    (226, 149), (231, 148.1), (235, 146.7), (239, 144.3), (241.6, 142.3), (243.5, 140.6)]
LOWER_LIP = [
    (202.3, 139.2), (205, 144), (208.6, 148.1), (212.6, 151.4), (217, 153.5), (222, 154.3),
    (227, 153.8), (232, 152), (237, 148.6), (241, 144.6), (244.3, 140.2)]


def resampled(points, count):
    """`count` points at equal distances on a smooth line through `points`, ends included."""
    points = np.asarray(points, float)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    line = CubicSpline(lengths, points)
    fine = line(np.linspace(0, lengths[-1], 2000))
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(fine, axis=0).T))])
    at = np.linspace(0, lengths[-1], count)
    return np.stack([np.interp(at, lengths, axis) for axis in fine.T], axis=1)


def closed(upper, lower, between):
    """Left corner, `between` points above, right corner, as many below from right to left."""
    return np.concatenate([
        resampled(upper, between + 2), resampled(lower, between + 2)[-2:0:-1]])


def lips(upper, lower):
    """15 points above, right corner, 15 below, and the left corner last."""
    return np.roll(closed(upper, lower, 15), -1, axis=0)


def brow(line):
    half = np.array([0, BROW_HEIGHT / 2])
    line = np.add(line, (0, 0.6))
    return np.concatenate([resampled(line, 7) - half, resampled(line, 8)[-2:0:-1] + half])


def pupil(x, y, radius):
    angles = np.linspace(0, 2 * np.pi, 19, endpoint=False)
    return np.concatenate([
        [(x, y)], np.stack([x + radius * np.sin(angles), y - radius * np.cos(angles)], axis=1)])


def shape():
    """The landmarks on the photograph, [222, 2]."""
    return np.concatenate([
        resampled(CONTOUR_LINE, 33), NOSE_BRIDGE, NOSE_BASE, *map(brow, BROW_LINES),
        *(closed(upper, lower, 10) for upper, lower in zip(UPPER_LIDS, LOWER_LIDS)),
        lips(UPPER_LIP, LOWER_LIP), lips(UPPER_LIP_INSIDE, LOWER_LIP_INSIDE),
        *(pupil(*iris) for iris in IRISES)])


def mirrored():
    """Which point of the face each point of its mirror picture is, int [222]."""
    whole = np.arange(COUNT)
    contour = whole[CONTOUR][::-1]
    nose = np.concatenate([whole[33:37], whole[37:48][::-1]])
    brows = [np.concatenate([side[:7][::-1], side[7:][::-1]])
             for side in (whole[BROWS[1]], whole[BROWS[0]])]
    eyes = [np.concatenate([side[:12][::-1], side[12:][::-1]])
            for side in (whole[EYES[1]], whole[EYES[0]])]
    mouth = [np.concatenate([part[:15][::-1], part[31:], part[16:31][::-1], part[15:16]])
             for part in (whole[OUTER_LIPS], whole[INNER_LIPS])]
    pupils = [np.concatenate([side[:2], side[:1:-1]])
              for side in (whole[PUPILS[1]], whole[PUPILS[0]])]
    return np.concatenate([contour, nose, *brows, *eyes, *mouth, *pupils])
