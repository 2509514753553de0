import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Gathering, type GatheringBounds, type Inputs, type Place } from "../src/gathering.ts";
import type { MessageId } from "../src/model/ids.ts";
import type { InboundInput } from "../src/model/message.ts";

/** Never reached by a test. */
const LONG_MS = 2 ** 30;
const WIDE: GatheringBounds = { runs: 1, waitMs: LONG_MS, messages: 100, bytes: 1_000_000 };

interface Started {
  readonly messages: readonly MessageId[];
  readonly bytes: number;
  begun(run: string | null): void;
  failed(error: Error): void;
}

function gatheringOf(bounds: Partial<GatheringBounds> = {}) {
  const runs: Started[] = [];
  const start = (inputs: Inputs): Promise<string | null> => {
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    const bytes = inputs.reduce((sum, input) => sum + JSON.stringify(input).length, 0);
    runs.push({ messages: inputs.map(({ message }) => message), bytes, begun: resolve, failed: reject });
    return promise;
  };
  const gathering = new Gathering(start, { ...WIDE, ...bounds });
  const join = (name: string, more: Partial<InboundInput["envelope"]> = {}): Place => gathering.join(inputOf(name, more));
  return { join, runs, started: () => runs.map(({ messages }) => messages.map((message) => message.slice(4)).join(" ")) };
}

function inputOf(name: string, envelope: Partial<InboundInput["envelope"]>): InboundInput {
  return {
    ...{ tenant: "ten_0", mailbox: "mbx_0", message: `msg_${name}`, ref: { digest: name, size: 1 }, received_at: 0 },
    envelope: { ip: "192.0.2.1", helo: "mx.acme.example", sender: "boss@acme.example", recipient: "a@acme.example", ...envelope },
  };
}

describe("which messages share a run", () => {
  it("at rest a message starts a run of its own at once", () => {
    const { join, started } = gatheringOf();
    join("a").leave();
    join("b").leave();
    expect(started()).toEqual(["a", "b"]);
  });

  it("while a run is under way messages are gathered, and start together when its last one has left", () => {
    const { join, started } = gatheringOf({ runs: 2 });
    const [a, b, c] = [join("a"), join("b"), join("c")];
    expect(started()).toEqual(["a", "b"]);
    const [d, e] = [join("d"), join("e")];
    b.leave();
    expect(started()).toEqual(["a", "b", "c d e"]);
    join("f");
    c.leave();
    d.leave();
    expect(started(), "`e` is still being judged").toHaveLength(3);
    e.leave();
    a.leave();
    expect(started()).toEqual(["a", "b", "c d e", "f"]);
  });

  it("they wait no longer than the time, whatever is under way", async () => {
    const { join, runs, started } = gatheringOf({ waitMs: 5 });
    join("slow");
    const place = join("a");
    join("b");
    expect(started()).toEqual(["slow"]);
    await expect.poll(started).toEqual(["slow", "a b"]);
    runs[1]!.begun("run");
    expect(await place.run).toBe("run");
  });

  it("as many as a run may have start at once", () => {
    const { join, started } = gatheringOf({ messages: 3 });
    for (const name of ["slow", "a", "b", "c", "d", "e", "f", "g"]) join(name);
    expect(started()).toEqual(["slow", "a b c", "d e f"]);
  });

  it("DESIGN §8 the bytes of a run's input are bounded, however long the addresses are", () => {
    const { join, runs, started } = gatheringOf({ bytes: 3_000 });
    join("slow");
    for (const name of ["a", "b", "c"]) join(name, { sender: `${"x".repeat(1_000)}@acme.example` });
    join("d", { sender: `${"ü".repeat(5_000)}@acme.example` });
    join("e").leave();
    expect(started()).toEqual(["slow", "a b", "c", "d"]);
    expect(runs[1]!.bytes).toBeLessThanOrEqual(3_000);
  });
});

describe("a message in a run", () => {
  it("is joined by whoever hands it over meanwhile, started or not", async () => {
    const { join, runs, started } = gatheringOf();
    const [a, again, b, bAgain] = [join("a"), join("a"), join("b"), join("b")];
    runs[0]!.begun("one");
    expect(await Promise.all([a.run, again.run])).toEqual(["one", "one"]);
    a.leave();
    expect(started(), "somebody still waits for `a`").toEqual(["a"]);
    again.leave();
    expect(started()).toEqual(["a", "b"]);
    expect(bAgain.run).toBe(b.run);
  });

  it("is asked about anew once somebody was answered: it may have been a deferral", () => {
    const { join, started } = gatheringOf({ runs: 3 });
    const first = join("a");
    join("a");
    first.leave();
    join("a");
    expect(started()).toEqual(["a", "a"]);
  });

  it("is not started when everybody has given up on it, and the others are", async () => {
    const { join, started } = gatheringOf({ waitMs: 5 });
    const slow = join("slow");
    join("a").leave();
    join("b");
    await expect.poll(started).toEqual(["slow", "b"]);
    join("c").leave();
    slow.leave();
    expect(started()).toEqual(["slow", "b"]);
    join("d");
    expect(started(), "nobody has taken the empty place").toEqual(["slow", "b"]);
  });

  it("whose run cannot be started is told so, and so are its neighbours; the next one is tried", async () => {
    const { join, runs, started } = gatheringOf();
    const slow = join("slow");
    const places = [join("a"), join("b")];
    slow.leave();
    join("c");
    runs[1]!.failed(new Error("busy"));
    for (const place of places) {
      await expect(place.run).rejects.toThrow("busy");
      place.leave();
    }
    expect(started()).toEqual(["slow", "a b", "c"]);
  });

  it("may be given up on before its run fails to start", async () => {
    const { join, runs } = gatheringOf();
    join("a").leave();
    // An unhandled rejection would end the process, and fails the test run.
    runs[0]!.failed(new Error("busy"));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

it("every message is started once unless it is given up on before, within the bounds, whoever comes and goes when", () => {
  const steps = fc.array(fc.record({ name: fc.constantFrom(..."abcdefghijkl"), leaves: fc.boolean() }), { maxLength: 80 });
  const bounds = fc.record({ runs: fc.integer({ min: 1, max: 3 }), messages: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(bounds, steps, (given, all) => {
      const { join, runs, started } = gatheringOf(given);
      const present = new Map<string, Place>();
      const owed = new Map<string, number>();
      const owe = (name: string, count: number) => owed.set(name, (owed.get(name) ?? 0) + count);
      const isStarted = (name: string) => started().filter((run) => run.split(" ").includes(name)).length === owed.get(name);
      const leave = (name: string) => {
        if (!isStarted(name)) owe(name, -1);
        present.get(name)?.leave();
        present.delete(name);
      };
      for (const { name, leaves } of all) {
        if (present.has(name) && leaves) leave(name);
        if (present.has(name) || leaves) continue;
        present.set(name, join(name));
        owe(name, 1);
      }
      // Whoever has a run is answered sooner or later; then nobody is left without one.
      for (let answered = [...present.keys()].filter(isStarted); answered.length > 0; answered = [...present.keys()].filter(isStarted))
        answered.forEach(leave);
      expect([...present.keys()]).toEqual([]);
      for (const name of owed.keys()) expect(isStarted(name), name).toBe(true);
      for (const { messages } of runs) {
        expect(messages.length).toBeLessThanOrEqual(given.messages);
        expect(new Set(messages).size).toBe(messages.length);
      }
    }),
  );
});
