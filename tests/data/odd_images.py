"""Changes to image files that decoders stumble over, each otherwise sound."""

import struct
import zlib

CUT_EXIF = b"II*\0"  # half of a TIFF header
BEYOND = 1 << 63  # of no file, nor of a C integer with a sign
NEXT_DIRECTORY, STRIP_OFFSETS = "next directory", 273


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with_exif(png, exif):
    return png[:33] + png_chunk(b"eXIf", exif) + png[33:]  # behind the header


def jpeg_with_exif(jpeg, exif):
    """`jpeg` begins with a JFIF segment, and the new one stands behind it."""
    segment = b"Exif\0\0" + exif
    return jpeg[:20] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[20:]


def cut_in_second_directory(tiff):
    """A little-endian TIFF of several pages without all that stands behind the first field of the second page."""
    (first,) = struct.unpack_from("<I", tiff, 4)
    (fields,) = struct.unpack_from("<H", tiff, first)
    (second,) = struct.unpack_from("<I", tiff, first + 2 + 12 * fields)
    return tiff[: second + 14]


def big_tiff_pointing_beyond(tiff, what):
    """A little-endian BigTIFF in which the offset of the next directory, or of the one strip, is no place in a file."""
    changed = bytearray(tiff)
    (directory,) = struct.unpack_from("<Q", tiff, 8)
    (fields,) = struct.unpack_from("<Q", tiff, directory)
    places = [directory + 8 + 20 * number for number in range(fields + 1)]
    if what == NEXT_DIRECTORY:
        struct.pack_into("<Q", changed, places[-1], BEYOND)
        return bytes(changed)
    (place,) = (each for each in places[:-1] if struct.unpack_from("<H", tiff, each) == (what,))
    struct.pack_into("<HHQQ", changed, place, what, 16, 1, BEYOND)  # 16 is LONG8
    return bytes(changed)


def png_claiming_chunk(png, length):
    """A PNG whose last chunk but one, of pixels, claims a length."""
    place = png.rindex(b"IDAT") - 4
    return png[:place] + struct.pack(">I", length) + png[place + 4 :]


def tiff_with_tile(side_px, tile_px, claimed_px=None):
    """A deflated TIFF in RGB of one tile, all zeros, which may be larger than the image, and claim another size."""
    claimed_px = claimed_px or tile_px
    body = zlib.compress(bytes(3 * tile_px**2), 9)
    fields = {256: side_px, 257: side_px, 258: 0, 259: 8, 262: 2, 277: 3, 284: 1, 322: claimed_px, 323: claimed_px}
    end = 8 + 2 + 12 * (len(fields) + 2) + 4
    fields |= {258: end, 324: end + 6, 325: len(body)}
    packed = [struct.pack("<HHII", tag, 3 if tag == 258 else 4, 3 if tag == 258 else 1, v) for tag, v in fields.items()]
    head = b"II*\0" + struct.pack("<IH", 8, len(fields))
    return head + b"".join(packed) + bytes(4) + struct.pack("<HHH", 8, 8, 8) + body
