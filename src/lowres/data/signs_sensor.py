"""What the camera adds to a `signs` scene: glow, vignette, blur, exposure, noise, and a first compression."""

import cv2
import numpy as np

from lowres.data.signs_view import View


def develop(image: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """The photograph of a drawn scene: uint8 BGR [h, w, 3] in, the same out."""
    if view.weather.lamps_lit:
        image = _bloom(image)
    image = _blur(image, rng)
    image = cv2.LUT(image, _exposure(rng))
    return _compress(_noise(_vignette(image, rng), view, rng), rng)


def _bloom(image: np.ndarray) -> np.ndarray:
    """Light that spreads about what is much brighter than the night."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    bright = cv2.subtract(small, np.full_like(small, 150))
    spread = cv2.resize(cv2.GaussianBlur(bright, (0, 0), 2.5), (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.addWeighted(image, 1.0, spread, 0.9, 0)


def _blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = float(rng.beta(1.5, 3.0)) * 0.7 * image.shape[0] / 256
    if sigma > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if rng.random() < 0.15:
        length = int(rng.integers(2, 5))
        kernel = np.zeros((length, length), np.float32)
        angle = float(rng.uniform(0, np.pi))
        middle = (length - 1) / 2
        dx, dy = np.cos(angle) * middle, np.sin(angle) * middle
        start, stop = (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))
        cv2.line(kernel, start, stop, 1.0, 1)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    return image


def _exposure(rng: np.random.Generator) -> np.ndarray:
    """A table [1, 256, 3]: exposure, contrast, gamma, and a slight colour cast."""
    levels = np.arange(256, dtype=np.float64) / 255
    cast = 1.0 + 0.035 * rng.standard_normal(3)
    gain, gamma, contrast = rng.uniform(0.85, 1.14), np.exp(rng.normal(0, 0.1)), rng.uniform(0.82, 1.15)
    tone = 0.45 + (np.power(levels, gamma) * gain - 0.45) * contrast
    return (tone[:, None] * cast * 255).clip(0, 255).astype(np.uint8)[None]


def _vignette(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    strength = float(rng.uniform(0.0, 0.28))
    height, width = image.shape[:2]
    y = (np.linspace(-1, 1, height, dtype=np.float32) ** 2)[:, None]
    x = (np.linspace(-1, 1, width, dtype=np.float32) ** 2)[None]
    shade = (255 * (1 - strength * (x + y) / 2)).astype(np.uint8)
    return cv2.multiply(image, cv2.merge([shade] * 3), scale=1 / 255)


def _noise(image: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """Sensor noise: the sum of two uniform bytes, near enough to normal and ten times faster."""
    sigma = float(rng.uniform(*view.weather.noise_sigma))
    first, second = np.frombuffer(rng.bytes(2 * image.size), np.uint8).reshape(2, *image.shape)
    grain = cv2.addWeighted(first, 0.5, second, 0.5, 0)  # mean 127.5, deviation 52
    amount = sigma / 52.0
    return cv2.addWeighted(image, 1.0, grain, amount, -127.5 * amount)


def _compress(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(40, 90))
    if rng.random() > 0.3:
        return image
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded
