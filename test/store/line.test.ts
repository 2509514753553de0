import { expect, it, onTestFinished } from "vitest";
import { Line } from "../../src/store/sqlite/line.ts";

function openLine(data: object = {}): { line: Line; lost: () => number } {
  let lost = 0;
  const line = new Line({
    entry: new URL("./dying-thread.ts", import.meta.url),
    data,
    mostWaiting: 10,
    onTouched: () => undefined,
    onLost: () => void lost++,
  });
  onTestFinished(() => line.close());
  return { line, lost: () => lost };
}

it.each(["exit", "throw"])("when the thread ends by %s, what waits rejects as temporary and the next call is answered", async (die) => {
  const { line, lost } = openLine();
  await line.start();
  const waiting = [line.run("store.ping", { die: "never answer" }), line.run("store.ping", { die })];
  for (const call of waiting) await expect(call).rejects.toMatchObject({ code: "unavailable", temporary: true });
  expect(lost()).toBe(1);
  expect(await line.run("store.ping", {})).toEqual({ ok: true });
});

it("more calls than may wait are refused as temporary, and those that wait are answered", async () => {
  const { line } = openLine();
  const calls = await Promise.allSettled(Array.from({ length: 15 }, () => line.run("store.ping", {})));
  expect(calls.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
  for (const call of calls.slice(10)) {
    expect(call).toMatchObject({
      status: "rejected",
      reason: { code: "unavailable", temporary: true, message: "too many operations are waiting" },
    });
  }
});

it("a thread that cannot open its database says why at the start, and rejects as temporary later", async () => {
  const { line } = openLine({ fault: { code: "invalid_config", message: "no such directory", temporary: false, problems: [] } });
  await expect(line.start()).rejects.toMatchObject({ code: "invalid_config", message: "no such directory" });
  await expect(line.run("store.ping", {})).rejects.toMatchObject({ code: "unavailable", temporary: true });
});

it("arguments that cannot be copied reject that call alone", async () => {
  const { line } = openLine();
  await expect(line.run("store.ping", { at: () => 1 })).rejects.toThrow("could not be cloned");
  expect(await line.run("store.ping", {})).toEqual({ ok: true });
});
