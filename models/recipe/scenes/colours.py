"""The eleven basic colours: painting a thing in one, and naming the colours of a picture."""

import math

import numpy as np

# Word -> lightness, chroma and hue (degrees) in CIE LCh.
COLOURS = {
    "red": (51, 72, 33),
    "orange": (70, 76, 63),
    "yellow": (86, 76, 90),
    "green": (62, 60, 140),
    "blue": (54, 58, 278),
    "purple": (44, 60, 314),
    "pink": (70, 50, 352),
    "brown": (42, 34, 62),
    "black": (20, 2, 280),
    "white": (91, 2, 280),
    "grey": (60, 2, 280),
}
# How often each is painted: what people ask for most, first.
SHARES = (1, 1, 1, 1.2, 1.3, 1.1, 1.1, 0.7, 0.7, 0.4, 0.5)
# A name that says one of these may not be contradicted by paint.
COLOUR_WORDS = {*COLOURS, "gray", "gold", "golden", "silver", "colorful", "rainbow"}

# Where the next hue begins, in degrees of HSV.
HUES = (
    (14, "orange"),
    (42, "yellow"),
    (68, "green"),
    (170, "blue"),
    (255, "purple"),
    (305, "pink"),
    (346, "red"),
)

TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
)
WHITE = np.array([0.9505, 1.0, 1.089], np.float32)


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0..1 [..., 3] to CIE Lab."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ TO_XYZ.T / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def from_lab(lab: np.ndarray) -> np.ndarray:
    """CIE Lab [..., 3] to sRGB 0..1, clipped."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    xyz = np.where(f > 0.2069, f**3, (f - 16 / 116) / 7.787) * WHITE
    linear = np.clip(xyz @ np.linalg.inv(TO_XYZ).T, 0, 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def smooth(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, an S between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def paint(art: np.ndarray, colour: str) -> np.ndarray:
    """Art, uint8 RGBA [h, w, 4], in another colour with its shading kept.

    In coloured art only what has colour changes: tyres stay black, eyes white. Art that is grey
    altogether (an elephant) changes but for its black lines.
    """
    light, chroma, hue = COLOURS[colour]
    lab = to_lab(art[..., :3].astype(np.float32) / 255)
    solid = art[..., 3] > 127
    had = np.hypot(lab[..., 1], lab[..., 2])
    coloured = solid.any() and (had[solid] > 18).mean() > 0.35
    where = smooth(had, 6, 20) if coloured else smooth(lab[..., 0], 12, 30)
    chosen = solid & (where > 0.5)
    if not chosen.any():
        return art
    middle, usual = np.median(lab[..., 0][chosen]), max(1.0, float(np.median(had[chosen])))
    new_light = np.clip(light + 0.75 * (lab[..., 0] - middle), 4, 98)
    strength = np.clip(had / usual, 0.55, 1.15) if coloured else np.ones_like(had)
    new_chroma = chroma * strength * (1 - 0.8 * smooth(new_light, 88, 98))
    angle = math.radians(hue)
    new = np.stack([new_light, new_chroma * math.cos(angle), new_chroma * math.sin(angle)], -1)
    mixed = from_lab(where[..., None] * new + (1 - where[..., None]) * lab)
    out = art.copy()
    out[..., :3] = (255 * mixed).round()
    return out


def shares(rgb: np.ndarray) -> dict[str, float]:
    """The share of each basic colour among pixels, sRGB 0..1 [N, 3]."""
    value, low = rgb.max(-1), rgb.min(-1)
    spread = value - low
    saturation = spread / np.maximum(value, 1e-6)
    r, g, b = rgb[:, 0], rgb[:, 1], rgb[:, 2]
    s = np.maximum(spread, 1e-6)
    sector = np.where(value == g, (b - r) / s + 2, (r - g) / s + 4)
    hue = 60 * np.where(value == r, (g - b) / s % 6, sector)
    names = np.full(len(rgb), "red", dtype="<U6")
    for start, name in HUES:
        names[hue >= start] = name
    warm = (names == "orange") | ((names == "red") & (hue < 60))
    warm |= (names == "yellow") & (hue < 50)
    names[warm & (value < 0.62)] = "brown"
    names[(names == "red") & (saturation < 0.55) & (value > 0.75)] = "pink"
    names[saturation < 0.16] = "grey"
    names[(saturation < 0.16) & (value > 0.82)] = "white"
    names[value < 0.27] = "black"
    return {colour: float((names == colour).mean()) for colour in COLOURS}


def own_colour(art: np.ndarray) -> str | None:
    """The colour that covers 60 % or more of art, uint8 RGBA [h, w, 4]; None where none does."""
    pixels = art.reshape(-1, 4)
    solid = pixels[pixels[:, 3] > 230]
    if not len(solid):
        return None
    found = shares(solid[:, :3].astype(np.float32) / 255)
    best = max(found, key=lambda colour: found[colour])
    return best if found[best] > 0.6 else None
