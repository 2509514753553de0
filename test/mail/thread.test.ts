import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFields } from "../../src/mail/header.ts";
import { threadFacts, type ThreadFacts } from "../../src/mail/thread.ts";
import { cpuOf } from "./letters.ts";

function factsOf(...headers: readonly string[]): ThreadFacts {
  return threadFacts(readFields(Buffer.from(headers.join("\r\n") + "\r\n")));
}

describe("X-28 references", () => {
  it("are Message-IDs without brackets, the answered one first, then from the last to the first", () => {
    expect(factsOf("In-Reply-To: <c@x.example>", "References: <a@x.example>\r\n <b@x.example> <c@x.example>").references).toEqual([
      "c@x.example",
      "b@x.example",
      "a@x.example",
    ]);
  });

  it("may stand in old forms with words around them", () => {
    expect(factsOf('In-Reply-To: Your message of "Fri" <a@x.example> (yesterday)').references).toEqual(["a@x.example"]);
  });

  it("are at most the nearest hundred", () => {
    const ids = Array.from({ length: 500 }, (_, at) => `<${at}@x.example>`).join("\r\n ");
    const { references } = factsOf(`References: ${ids}`);
    expect(references).toHaveLength(100);
    expect(references[0]).toBe("499@x.example");
  });

  it("hold nothing that is no Message-ID", () => {
    expect(factsOf("References: <> <a b@x.example> <a\u0001@x.example> < > <unclosed@x.example").references).toEqual([]);
    expect(factsOf(`References: <${"a".repeat(999)}>`).references).toEqual([]);
  });

  it("are read from any bytes without throwing and stay well formed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const { references } = threadFacts(readFields(Buffer.concat([Buffer.from("References: <"), bytes, Buffer.from(">\r\n")])));
        for (const reference of references) expect(reference.isWellFormed()).toBe(true);
      }),
    );
  });

  it("of 64 KiB of brackets cost nothing", async () => {
    for (const part of ["<", ">", "<>", "<a", "<a>"]) {
      expect(await cpuOf(() => factsOf(`References: ${part.repeat(65_000 / part.length)}`))).toBeLessThan(1_000);
    }
  });
});

describe("the Message-ID", () => {
  it("is the one in brackets", () => {
    expect(factsOf("Message-ID: <a@x.example>").rfc_message_id).toBe("a@x.example");
  });

  it("is absent when the field is absent or holds none", () => {
    expect(factsOf("Subject: x").rfc_message_id).toBeNull();
    expect(factsOf("Message-ID: a@x.example").rfc_message_id).toBeNull();
  });
});

describe("X-10 an automatic message", () => {
  it.each([
    "Auto-Submitted: auto-generated",
    "Auto-Submitted: auto-replied; owner-email=x",
    "auto-submitted: AUTO-NOTIFIED",
    "Auto-Submitted: anything",
    "Precedence: bulk",
    "Precedence: List",
    "Precedence: junk",
    "List-Id: <list.example>",
    "List-Id:",
  ])("says %s", (header) => {
    expect(factsOf(header).automatic).toBe(true);
  });

  it.each([
    "Auto-Submitted: no",
    "Auto-Submitted: No (really)".replace(" (really)", ""),
    "Precedence: first-class",
    "X-List-Id: x",
    "Subject: Auto-Submitted: auto-replied",
  ])("does not say %s", (header) => {
    expect(factsOf(header).automatic).toBe(false);
  });

  it("is one even if another field says no", () => {
    expect(factsOf("Auto-Submitted: no", "Auto-Submitted: auto-replied").automatic).toBe(true);
  });
});
