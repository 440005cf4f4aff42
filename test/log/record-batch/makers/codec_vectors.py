"""
Prints ../codec-vectors.json: compressed streams made by other implementations than Kafka's, for the forms that Kafka's
Java client never writes but others do. Made with Python 3 and lz4 4.4.5, cramjam 2.14.0, xxhash 4.1.0:

    python codec_vectors.py > ../codec-vectors.json && npx biome format --write ../codec-vectors.json
"""

import base64
import json

import cramjam
import lz4
import lz4.frame as frames
import xxhash


def lines(count):
    return "".join(f"line {i} of a value\n" for i in range(count)).encode()


def noise(count):
    state = 1
    made = bytearray()
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        made.append((state >> 16) & 255)
    return bytes(made)


content = lines(40) * 120 + noise(300) + lines(40)


def text(made):
    return base64.b64encode(bytes(made)).decode()


def frame(**options):
    return text(frames.compress(content, **options))


KIB_64 = frames.BLOCKSIZE_MAX64KB
print(
    json.dumps(
        {
            "made": f"by makers/codec_vectors.py with lz4 {lz4.__version__} (liblz4 {lz4.library_version_string()}), "
            f"cramjam {cramjam.__version__}, xxhash {xxhash.VERSION}",
            "content": "lines(40) 120 times, noise(300), lines(40)",
            "lz4": {
                "linked blocks": frame(block_size=KIB_64, block_linked=True, store_size=False),
                "independent blocks": frame(block_size=KIB_64, block_linked=False, store_size=False),
                "content checksum": frame(block_size=KIB_64, content_checksum=True, store_size=False),
                "block checksums": frame(
                    block_size=KIB_64, block_linked=False, block_checksum=True, store_size=False
                ),
                "content size": frame(block_size=frames.BLOCKSIZE_MAX256KB, store_size=True),
                "everything": frame(
                    block_size=frames.BLOCKSIZE_MAX1MB,
                    block_linked=False,
                    block_checksum=True,
                    content_checksum=True,
                    store_size=True,
                ),
                "high compression, 4 MiB blocks": frame(
                    block_size=frames.BLOCKSIZE_MAX4MB, compression_level=12, store_size=False
                ),
            },
            "lz4Empty": text(frames.compress(b"", store_size=False)),
            "snappyRaw": text(cramjam.snappy.compress_raw(content)),
            "snappyRawEmpty": text(cramjam.snappy.compress_raw(b"")),
            "xxhash32": [
                {"noise": n, "hash": xxhash.xxh32(noise(n), seed=0).intdigest()}
                for n in [0, 1, 3, 4, 5, 7, 8, 11, 15, 16, 17, 19, 20, 31, 32, 33, 63, 64, 65, 255, 1000]
            ],
        },
        indent=2,
    )
)
