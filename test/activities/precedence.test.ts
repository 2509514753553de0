import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Precedence } from "../../activities/precedence.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Mail that asks now: whether it may leave. */
function ask(precedence: Precedence) {
  const mail = { leaves: false };
  void precedence.giveWay().then(() => (mail.leaves = true));
  return mail;
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

it("mail leaves at once while nobody waits for an answer", async () => {
  const mail = ask(new Precedence());
  await settled();
  expect(mail.leaves).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it("mail leaves when the last person has been answered, also by an error, and no timer is left", async () => {
  const precedence = new Precedence();
  const [one, other] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const first = precedence.ofPeople(() => one.promise);
  const second = precedence.ofPeople(() => other.promise);
  const mails = [ask(precedence), ask(precedence)];
  one.resolve("approved");
  expect(await first).toBe("approved");
  await settled();
  expect(mails.map(({ leaves }) => leaves)).toEqual([false, false]);
  other.reject(new Error("temporal does not answer"));
  await expect(second).rejects.toThrow("temporal does not answer");
  await settled();
  expect(mails.map(({ leaves }) => leaves)).toEqual([true, true]);
  expect(vi.getTimerCount()).toBe(0);
});

it("mail leaves after half a second however long people wait, and what came later waits half a second of its own", async () => {
  const precedence = new Precedence();
  void precedence.ofPeople(() => new Promise(() => undefined));
  const first = ask(precedence);
  await vi.advanceTimersByTimeAsync(499);
  const second = ask(precedence);
  expect(first.leaves).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect([first.leaves, second.leaves]).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(499);
  expect(second.leaves).toBe(true);
});
