import fc from "fast-check";
import { expect, it } from "vitest";
import { eventsOf, type StreamEvent } from "../../src/client-stream.ts";

async function* chunked(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n\0]/g, ""));
const event = fc.record({
  event: fc.constantFrom("message", "other"),
  id: line,
  data: fc.array(line, { minLength: 1 }).map((lines) => lines.join("\n")),
});

it("X-18 events are the same however the bytes are cut, with comments and either line end between them", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(event), sizes, fc.constantFrom("\n", "\r\n"), async (events, cuts, end) => {
      const lines = events.flatMap(({ event: name, id, data }) => [
        ": life",
        `event: ${name}`,
        `id: ${id}`,
        ...data.split("\n").map((part) => `data: ${part}`),
        "",
      ]);
      const read: StreamEvent[] = [];
      for await (const each of eventsOf(chunked(Buffer.from([...lines, ""].join(end)), cuts))) read.push(each);
      expect(read).toEqual(events);
    }),
  );
});

it("an event that never ends is not kept for ever", async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(1024 * 1024, "x");
  }
  await expect(eventsOf(endless()).next()).rejects.toThrow(RangeError);
});
