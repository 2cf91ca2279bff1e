"""Writes bbolt databases, also wrong ones: what trawl's reader is tested against where no containerd is installed.

`database({"v1": {"key": "value"}})`: dictionaries are buckets. As a script it writes the inputs of the fuzz target:
bolt_build.py FOLDER. Format: go.etcd.io/bbolt, internal/common.
"""
import os
import struct
import sys

BRANCH, LEAF, META = 1, 2, 4
ELEMENT_BUCKET = 1


def checksum(fields):
    value = 14695981039346656037
    for byte in fields:
        value = (value ^ byte) * 1099511628211 % 2**64
    return value


def meta(number, page_size, root, pages, transaction, magic=0xED0CDAED, version=2):
    fields = struct.pack("<IIIIQQQQQ", magic, version, page_size, 0, root, 0, 2, pages, transaction)
    return struct.pack("<QHHI", number, META, 0, 0) + fields + struct.pack("<Q", checksum(fields))


def leaf(number, items, page_size=0):
    """A leaf page of [(key, value, is bucket)], padded to whole pages; page_size 0: one inside of a value."""
    place, elements, body = 16 * len(items), b"", b""
    for i, (key, value, is_bucket) in enumerate(items):
        elements += struct.pack("<IIII", ELEMENT_BUCKET if is_bucket else 0, place + len(body) - 16 * i, len(key), len(value))
        body += key + value
    size = 16 + len(elements) + len(body)
    overflow = max(0, (size - 1) // page_size) if page_size else 0
    page = struct.pack("<QHHI", number, LEAF, len(items), overflow) + elements + body
    return page + bytes((overflow + 1) * page_size - size) if page_size else page


def branch(number, children, page_size):
    """A branch page of [(key, page number)]."""
    place, elements, body = 16 * len(children), b"", b""
    for i, (key, page) in enumerate(children):
        elements += struct.pack("<IIQ", place + len(body) - 16 * i, len(key), page)
        body += key
    page = struct.pack("<QHHI", number, BRANCH, len(children), 0) + elements + body
    return page + bytes(page_size - len(page))


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


class _Writer:
    def __init__(self, page_size, per_leaf):
        self.page_size, self.per_leaf = page_size, per_leaf
        self.pages = [b"", b"", leaf(2, [], page_size)]  # two meta pages, and one that nothing leads to

    def put(self, page):
        self.pages.append(page)
        for _ in range(len(page) // self.page_size - 1):
            self.pages.append(b"")
        return len(self.pages)

    def bucket(self, tree, inline=True):
        """The value of a bucket: small ones without buckets in them stand inside of the value, as bbolt has it."""
        items = []
        for key in sorted(tree, key=_bytes):
            value = tree[key]
            items.append((_bytes(key), self.bucket(value) if isinstance(value, dict) else _bytes(value), isinstance(value, dict)))
        page = leaf(0, items)
        if inline and len(page) <= self.page_size // 4 and not any(i[2] for i in items):
            return struct.pack("<QQ", 0, 0) + page
        return struct.pack("<QQ", self.tree(items), 0)

    def tree(self, items):
        numbers = []
        for start in range(0, max(1, len(items)), self.per_leaf):
            part = items[start:start + self.per_leaf]
            number = len(self.pages)
            self.put(leaf(number, part, self.page_size))
            numbers.append((part[0][0] if part else b"", number))
        if len(numbers) == 1:
            return numbers[0][1]
        number = len(self.pages)
        self.put(branch(number, numbers, self.page_size))
        return number


def database(tree, page_size=1024, per_leaf=4, transaction=7):
    writer = _Writer(page_size, per_leaf)
    root = struct.unpack("<Q", writer.bucket(tree, inline=False)[:8])[0]
    count = len(writer.pages)
    older = meta(0, page_size, 2, count, transaction - 1)
    newer = meta(1, page_size, root, count, transaction)
    writer.pages[0], writer.pages[1] = (page + bytes(page_size - len(page)) for page in (older, newer))
    return b"".join(writer.pages)


def images(namespaces):
    """containerd's meta.db of {namespace: {name: digest}}."""
    return {"v1": {space: {"content": {"blob": {}}, "images": {name: {"createdat": b"\1\0", "target": {"digest": digest, "mediatype": "m", "size": b"\2"}}
                                                               for name, digest in names.items()}} for space, names in namespaces.items()}}


def _inputs():
    page = 1024
    names = {f"example.org/team/app:{i}": "sha256:" + f"{i:064x}" for i in range(9)}
    good = database(images({"default": {"example.org/one:1": "sha256:" + 64 * "a"}, "k8s.io": names}))

    def tiny(*pages, root=3):
        older, newer = meta(0, page, root, 3 + len(pages), 1), meta(1, page, root, 3 + len(pages), 2)
        return b"".join(p + bytes(page - len(p)) for p in (older, newer)) + leaf(2, [], page) + b"".join(pages)

    beyond = bytearray(tiny(leaf(3, [(b"key", b"value", False)], page)))
    struct.pack_into("<I", beyond, 3 * page + 16 + 12, 5000)
    overflow = bytearray(tiny(leaf(3, [(b"key", b"value", False)], page)))
    struct.pack_into("<I", overflow, 3 * page + 12, 0xFFFFFFFF)
    second = bytearray(good)
    # Buckets of twenty buckets each, all of which are one: its pages are few and the ways through them are not.
    shared = tiny(*(leaf(3 + i, [(b"%02d" % k, struct.pack("<QQ", 4 + i, 0), True) for k in range(20)], page) for i in range(4)),
                  leaf(7, [(b"key", b"", False)], page))
    within = bytearray(tiny(leaf(3, [(b"%02d" % i, b"", True) for i in range(40)], page) + bytes(page)))
    value = struct.pack("<QQ", 0, 0) + leaf(0, [(b"", b"", False)] * 40)
    place = 3 * page + page  # in the second page of the first one's overflow
    within[place:place + len(value)] = value
    struct.pack_into("<I", within, 3 * page + 12, 1)
    for i in range(40):
        at = 3 * page + 16 + 16 * i
        struct.pack_into("<IIII", within, at, 1, place - at, 0, len(value))
    second[16:20] = b"torn"
    return {
        "images": good,
        "first_meta_torn": bytes(second),
        "long_value": tiny(leaf(3, [(b"key", b"v" * 1500, False), (b"next", b"", False)], page)),
        "should_fail_element_beyond_page": bytes(beyond),
        "should_fail_overflow_beyond_file": bytes(overflow),
        "should_fail_pages_in_a_circle": tiny(branch(3, [(b"a", 4)], page), branch(4, [(b"a", 3)], page)),
        "should_fail_page_beyond_file": tiny(branch(3, [(b"a", 99)], page)),
        "should_fail_bucket_of_seven_bytes": tiny(leaf(3, [(b"v1", b"7 bytes", True)], page)),
        "should_fail_pages_of_many_buckets": shared,
        "should_fail_elements_of_many_buckets": bytes(within),
        "should_fail_branch_in_a_value": tiny(leaf(3, [(b"v1", bytes(16) + branch(0, [(b"a", 3)], 64), True)], page)),
    }


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for name_, data in _inputs().items():
        with open(os.path.join(sys.argv[1], name_), "wb") as file:
            file.write(data)
