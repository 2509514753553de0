import { describe, expect, it } from "vitest";
import { headersGuard } from "../../src/guards/headers.ts";
import { views } from "./views.ts";

function seen(names: readonly string[], long_lines = 0): readonly string[] {
  return headersGuard.look(views({ headers: { names, long_lines } })).map(({ code, severity, where }) => `${where} ${code} ${severity}`);
}

describe("the headers guard", () => {
  it("sees nothing in an ordinary header, with many fields that may repeat", () => {
    expect(seen(["received", "received", "dkim-signature", "dkim-signature", "from", "to", "subject", "comments", "comments"])).toEqual([]);
  });

  it("names each singleton field that occurs again, once", () => {
    expect(seen(["from", "content-type", "from", "from", "content-type", "date", "date"])).toEqual([
      "headers duplicate_from 3",
      "headers duplicate_date 1",
      "headers duplicate_content_type 3",
    ]);
  });

  it("flags lines over 998 octets and never more than flags it", () => {
    expect(seen(["from"], 0)).toEqual([]);
    expect(seen(["from"], 3)).toEqual(["structure long_line 0"]);
  });

  it("is not confused by a field called `__proto__`", () => {
    expect(seen(["__proto__", "__proto__", "constructor", "constructor"])).toEqual([]);
  });
});
