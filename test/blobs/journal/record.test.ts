import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatHeader, HEADER, MARKER, parseHeader, type RecordHeader } from "../../../src/blobs/journal/record.ts";
import { formatSegmentName, parseSegmentName, segmentsAmong } from "../../../src/blobs/journal/segment-name.ts";

const hex = (least: number, most: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${least},${most}}$`));
const markers = fc.uint8Array({ minLength: MARKER, maxLength: MARKER }).map((bytes) => Buffer.from(bytes));
const headers: fc.Arbitrary<RecordHeader> = fc.record({
  kind: fc.constantFrom("put" as const, "remove" as const),
  name: fc.record({ tenant: hex(1, 64).map((text) => `ten_${text}` as const), digest: hex(64, 64) }),
  length: fc.nat(0xffff_ffff),
  at: fc.double({ min: 0, max: 1e14, noNaN: true }),
  group: fc.nat(0xffff_ffff),
});

describe("a record's header", () => {
  it("is read as it was written, in the segment it was written for", () => {
    fc.assert(
      fc.property(headers, markers, (header, marker) => {
        const bytes = formatHeader(header, marker);
        expect(bytes).toHaveLength(HEADER);
        expect(parseHeader(bytes, marker)).toEqual(header);
        expect(parseHeader(Buffer.concat([bytes, randomBytes(9)]), marker)).toEqual(header);
        expect(parseHeader(bytes, Buffer.from(marker.map((byte) => byte ^ 1)))).toBeNull();
      }),
    );
  });

  it("is none when a bit of it has changed, or its end is missing", () => {
    fc.assert(
      fc.property(headers, markers, fc.nat(HEADER * 8 - 1), fc.nat(HEADER - 1), (header, marker, bit, length) => {
        const bytes = formatHeader(header, marker);
        expect(parseHeader(bytes.subarray(0, length), marker)).toBeNull();
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(parseHeader(bytes, marker)).toBeNull();
      }),
    );
  });
});

describe("a segment's name", () => {
  it("gives back number and marker, and sorts by number", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(999_999_999_999), { minLength: 1 }), markers, (numbers, marker) => {
        for (const number of numbers) expect(parseSegmentName(formatSegmentName({ number, marker }))).toEqual({ number, marker });
        const files = numbers.map((number) => formatSegmentName({ number, marker }));
        expect(segmentsAmong(files).map(({ number }) => number)).toEqual(numbers.toSorted((a, b) => a - b));
      }),
    );
  });

  it.each([
    "",
    "README",
    "000000000001",
    `000000000001-${"a".repeat(31)}`,
    `000000000001-${"g".repeat(32)}`,
    `000000000001-${"a".repeat(32)}.damaged`,
  ])("is not `%s`", (file) => expect(segmentsAmong([file])).toEqual([]));
});
