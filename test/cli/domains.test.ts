import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN_KEY, startRig, type Rig } from "../http/rig.ts";
import { cli, type Ran } from "./rig.ts";

// Against the real HTTP door and the real store.

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const postern = (argv: readonly string[], key = ADMIN_KEY): Promise<Ran> =>
  cli(["domains", ...argv], { env: { POSTERN_URL: rig.base, POSTERN_KEY: key } });

function publish({ json }: Ran): void {
  const records = json.records as { name: string; value: string }[];
  rig.zone = { ...rig.zone, ...Object.fromEntries(records.map(({ name, value }) => [name, { TXT: [value] }])) };
}

describe("domains", () => {
  it("MB-19 add shows what to publish, each record to be copied as it is", async () => {
    const made = await postern(["add", "shown.example"]);
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/^domain +shown\.example\nstate +unverified\nkeys +pst\w+ \(active\)\nchecked +never\n/);
    expect(made.out).toMatch(/\nDKIM +exactly this.*\nname +pst\w+\._domainkey\.shown\.example\nTXT +v=DKIM1; k=rsa; p=[A-Za-z0-9+/=]+\n/);
    expect(made.out).toMatch(/\nSPF +.*\nname +shown\.example\nTXT +v=spf1 .*\n/);
    expect(made.out).toMatch(/\nDMARC +.*\nname +_dmarc\.shown\.example\nTXT +v=DMARC1; .*\n$/);
    expect(await postern(["show", "shown.example"])).toMatchObject({ code: 0, out: made.out });
  });

  it("MB-19 verify is 1 until DNS shows the key, and says what is wrong with what is there", async () => {
    const made = await postern(["add", "checked.example", "--json"]);
    const before = await postern(["verify", "checked.example"]);
    expect(before.code).toBe(1);
    expect(before.out).toContain("MISSING: publish this");
    rig.zone = { [made.json.records[0].name]: { TXT: ["v=DKIM1; p=other\u001b[2J"] } };
    const wrong = await postern(["verify", "checked.example"]);
    expect(wrong.code).toBe(1);
    expect(wrong.out).toMatch(/DIFFERS[\s\S]*\nfound +v=DKIM1; p=other/);
    expect(wrong.out).not.toContain("\u001b");
    publish(made);
    const after = await postern(["verify", "checked.example", "--json"]);
    expect(after).toMatchObject({ code: 0, json: { state: "verified" } });
  });

  it("PB-01 rotate and activate, which is 6 until DNS shows the next key", async () => {
    await postern(["add", "turned.example"]);
    const next = await postern(["rotate", "turned.example", "--json"]);
    expect(next.json.keys).toHaveLength(2);
    const early = await postern(["activate", "turned.example"]);
    expect(early.code).toBe(6);
    expect(early.err).toMatch(/^error: DNS does not show the next key at `.*`\nfix: publish /);
    publish(next);
    expect(await postern(["activate", "turned.example"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\(active\).*\(retired\)|\(retired\).*\(active\)/) as string,
    });
  });

  it("list says state and key, and nothing of another tenant's", async () => {
    const { key } = await rig.tenantKey("domain-reader");
    expect(await postern(["list"], key)).toMatchObject({ code: 0, out: "no domains\n" });
    await postern(["add", "mine.example"], key);
    expect((await postern(["list"], key)).out).toMatch(/^DOMAIN +STATE +KEY +CHECKED\nmine\.example +unverified +pst\w+ +never\n$/);
    expect((await postern(["show", "shown.example"], key)).code).toBe(5);
    expect((await postern(["add", "shown.example"], key)).code).toBe(6);
    expect((await postern(["add", "no domain"], key)).code).toBe(2);
  });
});
