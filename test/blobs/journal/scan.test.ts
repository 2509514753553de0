import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatHeader, HEADER } from "../../../src/blobs/journal/record.ts";
import { scan, type Found } from "../../../src/blobs/journal/scan.ts";
import { Segment } from "../../../src/blobs/journal/segment.ts";
import { putOf, readSegments, TENANT } from "./segments.ts";

/** Three groups as they are on the disk: of two records, of one, of three. */
let bytes: Buffer;
let marker: Buffer;
let records: readonly Found[];
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-journal-"));
  const segment = await Segment.create(directory, 1);
  for (const sizes of [[300, 0], [77], [1000, 1, 50]]) await segment.append(sizes.map((size) => putOf(randomBytes(size))));
  await segment.close();
  const [file] = await readSegments(directory);
  ({ bytes, marker, found: records } = file!);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const startOf = ({ offset }: Found): number => offset - HEADER;
const endOf = ({ offset, length }: Found): number => offset + length;
const lastGroup = (): number => records.at(-1)!.group;

describe("a segment that is read", () => {
  it("holds the records that were appended, and each tells where its group begins", () => {
    expect(records.map(({ length }) => length)).toEqual([300, 0, 77, 1000, 1, 50]);
    const [first, , second, third] = records.map(startOf);
    expect(records.map(({ group }) => group)).toEqual([first, first, second, third, third, third]);
    expect(scan(bytes, marker, 0)).toMatchObject({ end: bytes.length, damage: [] });
  });

  it("ends at the last whole record wherever an append was cut off, and that is no damage", () => {
    for (let length = 0; length < bytes.length; length += 1) {
      const whole = records.filter((record) => endOf(record) <= length);
      const expected = { found: whole, end: whole.length === 0 ? 0 : endOf(whole.at(-1)!), damage: [] };
      expect(scan(bytes.subarray(0, length), marker, 0)).toEqual(expected);
    }
  });

  it("may end in zeros that the file system left for bytes that never came", () => {
    const torn = Buffer.from(bytes).fill(0, startOf(records.at(-1)!) + 10);
    expect(scan(torn, marker, 0)).toEqual({ found: records.slice(0, -1), end: endOf(records.at(-2)!), damage: [] });
  });

  it("loses the one record that a changed byte is in, and says so if that record had been synced", () => {
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0x20;
      const hit = records.find((record) => at < endOf(record))!;
      const { found, damage } = scan(changed, marker, 0);
      expect(found).toEqual(records.filter((record) => record !== hit));
      const names = at < hit.offset ? [] : [hit.name];
      const reported = hit.group < lastGroup() ? [{ from: startOf(hit), to: endOf(hit), names }] : [];
      expect(damage).toEqual(reported);
    }
  });

  it("can be read on from where the last reading ended", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 5 }), (cuts) => {
        const found: Found[] = [];
        let end = 0;
        for (const length of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          if (length < end) continue;
          const more = scan(bytes.subarray(end, length), marker, end);
          found.push(...more.found);
          end = more.end;
        }
        expect(found).toEqual(records);
      }),
    );
  });

  it("takes no record from within a message: who writes mail does not know the marker", () => {
    const name = { tenant: TENANT, digest: "0".repeat(64) } as const;
    const forged = formatHeader({ kind: "remove", name, length: 0, at: 0, group: 0 }, randomBytes(16));
    const entry = putOf(Buffer.concat([forged, forged]));
    const header = formatHeader({ ...entry, length: entry.bytes.length, group: 0 }, marker);
    // The header that would step over them is damaged.
    header[30]! ^= 1;
    expect(scan(Buffer.concat([header, entry.bytes]), marker, 0).found).toEqual([]);
  });
});
