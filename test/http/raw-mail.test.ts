import { expect, it } from "vitest";
import { rawMail } from "../../src/http/raw-mail.ts";

/** Reads as a client that is never slower; with the rounds of the loop that others had meanwhile. */
async function read(answer: Response): Promise<{ readonly bytes: Buffer; readonly rounds: number }> {
  let rounds = 0;
  const count = (): void => {
    rounds += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const bytes = Buffer.from(await answer.arrayBuffer());
  clearImmediate(next);
  return { bytes, rounds };
}

it("X-29 a large mail leaves others a turn of the loop between its pieces, and comes whole", async () => {
  const mail = Buffer.alloc(5 * 1024 * 1024 + 1, "0123456789");
  const answer = rawMail("msg_1", mail);
  expect(answer.headers.get("content-length")).toBe(String(mail.length));
  const { bytes, rounds } = await read(answer);
  expect(bytes.equals(mail)).toBe(true);
  expect(rounds).toBeGreaterThanOrEqual(10);
});

it("a small mail comes at once", async () => {
  const { bytes } = await read(rawMail("msg_1", Buffer.from("Subject: x\r\n\r\n")));
  expect(bytes.toString()).toBe("Subject: x\r\n\r\n");
});
