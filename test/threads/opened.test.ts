import { describe, expect, it } from "vitest";
import type { OpenedMail } from "../../src/mail/read.ts";
import type { StoredMessage } from "../../src/mail/reader.ts";
import { OpenedMails } from "../../src/threads/opened.ts";

const MAIL = {} as OpenedMail;

function message(name: string, size: number): StoredMessage {
  return { tenant: "ten_0123456789abcdef", ref: { digest: name, size } };
}

/** Opens by name and size; says which had to be read. */
function opener(mails: OpenedMails): { open(name: string, size: number): Promise<unknown>; readonly read: string[] } {
  const read: string[] = [];
  const open = (name: string, size: number): Promise<unknown> =>
    mails.open(message(name, size), async () => {
      read.push(name);
      return MAIL;
    });
  return { open, read };
}

describe("messages kept parsed", () => {
  it("are read once while they are kept", async () => {
    const { open, read } = opener(new OpenedMails({ bytes: 100 }));
    await Promise.all([open("a", 10), open("a", 10)]);
    await open("a", 10);
    expect(read).toEqual(["a"]);
  });

  it("are bounded by their bytes, the least recently used goes first", async () => {
    const { open, read } = opener(new OpenedMails({ bytes: 100 }));
    for (const name of ["a", "b", "a", "c"]) await open(name, 40);
    for (const name of ["a", "c", "b"]) await open(name, 40);
    expect(read).toEqual(["a", "b", "c", "b"]);
  });

  it("are bounded in number", async () => {
    const { open, read } = opener(new OpenedMails({ bytes: 100, messages: 2 }));
    for (const name of ["a", "b", "c", "b", "a"]) await open(name, 1);
    expect(read).toEqual(["a", "b", "c", "a"]);
  });

  it("keep the latest whatever its size, and nothing beside it", async () => {
    const { open, read } = opener(new OpenedMails({ bytes: 100 }));
    await open("small", 10);
    for (let step = 0; step < 3; step += 1) await open("huge", 1_000);
    await open("small", 10);
    await open("huge", 1_000);
    expect(read).toEqual(["small", "huge", "small", "huge"]);
  });

  it("forget what could not be read, and its bytes", async () => {
    const mails = new OpenedMails({ bytes: 100 });
    const failing = mails.open(message("a", 90), () => Promise.reject(new Error("gone")));
    await expect(failing).rejects.toThrow("gone");
    const { open, read } = opener(mails);
    for (const name of ["a", "b", "b"]) await open(name, 50);
    await open("a", 50);
    expect(read).toEqual(["a", "b"]);
  });
});
